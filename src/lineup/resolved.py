"""`resolved/`: what each stage depends on, written by stages/resolve.py and read by the others.

A file has the identities that DVC compares, the code that they stand for, and the settings that a stage is
given. No stage but resolve reads params.yaml, so nothing else can reach a result.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineup.errors import LineupError
from lineup.files import write_text
from lineup.identity.code import Code, combine

FOLDER = Path("resolved")
ROOT = Path(__file__).resolve().parents[2]  # of the checkout whose code runs
FIX = "run `dvc repro resolve`"


@dataclass(frozen=True)
class Reached:
    """The code of a stage: modules that it loads by name, and a hash of all that it reaches."""

    modules: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Resolved:
    """One file: identities and code by stage, and settings as JSON has them."""

    identity: Mapping[str, str]
    code: Mapping[str, Reached]
    settings: Mapping[str, Any]


def hash_values(values: object) -> str:
    """A hash of JSON values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def format_resolved(resolved: Resolved) -> str:
    """The text of a file, with a checksum of all else in it."""
    content = {
        "identity": dict(resolved.identity),
        "code": {stage: vars(reached) for stage, reached in resolved.code.items()},
        "settings": resolved.settings,
    }
    return json.dumps({**content, "checksum": hash_values(content)}, indent=1) + "\n"


def parse_resolved(text: str, where: str) -> Resolved:
    """What `format_resolved` wrote. Raises LineupError for anything else, an edited file too."""
    try:
        content = json.loads(text)
        checksum = content.pop("checksum")
        code = {
            stage: Reached(tuple(each["modules"]), each["digest"]) for stage, each in content["code"].items()
        }
        resolved = Resolved(content["identity"], code, content["settings"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LineupError(where, f"not readable ({error!r})", "what resolve wrote", FIX) from error
    if checksum != hash_values(content):
        raise LineupError(where, "edited by hand", "what resolve wrote", FIX)
    return resolved


def write_all(files: Mapping[str, Resolved]) -> None:
    """Write each file by its name, as `runs/d3`, and remove all others from the folder.

    A file that would be the same is not touched.
    """
    texts = {FOLDER / f"{name}.json": format_resolved(resolved) for name, resolved in files.items()}
    for path in FOLDER.rglob("*.json"):
        if path not in texts:
            path.unlink()
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)


def read_resolved(name: str, stage: str) -> Resolved:
    """The file of that name, for a stage that is about to run.

    Raises LineupError if it is missing, was edited, or was made for other code of the stage than runs now.
    """
    path = FOLDER / f"{name}.json"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LineupError(str(path), f"not readable ({error.strerror})", "what resolve wrote", FIX) from error
    resolved = parse_resolved(text, str(path))
    reached = resolved.code[stage]
    if combine(Code(ROOT).reach(stage, reached.modules)) != reached.digest:
        raise LineupError(str(path), f"made for other code of {stage}", "the code that runs", FIX)
    return resolved
