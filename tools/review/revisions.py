"""The runs as a commit has them, or the working tree: what is declared, and what was measured."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ask_git import ask_git, read_git
from lineup.config.files import name_others
from lineup.config.yaml import parse
from lineup.errors import LineupError
from lineup.evaluation.outcomes import Outcomes, read_outcomes

PARAMS, PIPELINE = "params.yaml", "dvc.yaml"

Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Measured:
    """A run's figures as metrics/runs has them, those of each seed, and its outcomes on the test images."""

    figures: Mapping[str, float]
    seeds: Mapping[str, Mapping[str, float]]
    outcomes: Outcomes | None


def read_runs(read: Read, where: str) -> dict[str, Measured | None]:
    """The declared runs; None for one that has no result. `where` is for messages."""
    declared = [_parse(name, read).get("runs") for name in list_parameters(read)]
    runs = [run for part in declared if isinstance(part, Mapping) for run in part]
    if not runs:
        found, fix = f"no runs in {PARAMS}, nor beside it", "choose a later one"
        raise LineupError(where, found, "a revision of this pipeline", fix)
    return {run: _read_measured(run, read, where) for run in runs}


def list_parameters(read: Read) -> list[str]:
    """The files of parameters: params.yaml, and what dvc.yaml names beside it."""
    return [PARAMS, *name_others(_parse(PIPELINE, read))]


def _parse(name: str, read: Read) -> Mapping[str, Any]:
    text = read(name)
    content = parse(text.decode(), Path(name)) if text is not None else None
    return content if isinstance(content, Mapping) else {}


def _read_measured(run: str, read: Read, where: str) -> Measured | None:
    figures, detail = (read(f"metrics/{kind}/{run}.json") for kind in ("runs", "detail"))
    if figures is None or detail is None:
        return None
    outcomes = read(f"metrics/outcomes/{run}.safetensors")
    try:
        return Measured(
            json.loads(figures),
            json.loads(detail)["seeds"],
            _read_outcomes(outcomes, run) if outcomes else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        place, fix = f"{where}: metrics of {run}", f"run `dvc repro evaluate@{run}`"
        raise LineupError(place, f"not readable ({error})", "what evaluate wrote", fix) from error


def _read_outcomes(content: bytes, run: str) -> Outcomes:
    """Outcomes from a file's bytes, which git has handed out; safetensors opens files only."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{run}.safetensors"
        path.write_bytes(content)
        return read_outcomes(path)


def read_here(name: str) -> bytes | None:
    """The file `name` of the working tree; None if it is not there."""
    path = Path(name)
    return path.read_bytes() if path.exists() else None


def read_at(revision: str) -> Read:
    """How to read a file of the commit `revision`."""
    # Asked once which files there are: git's exit status does not tell a missing file from a failure.
    names = set(ask_git("ls-tree", "-r", "-z", "--name-only", "--full-tree", revision).split("\0"))

    def read(name: str) -> bytes | None:
        return read_git("show", f"{revision}:{name}") if name in names else None

    return read


def find_base(revision: str) -> str:
    """The last commit that `revision` and the work here have in common: what came there since is not ours."""
    try:
        return ask_git("merge-base", "--", revision, "HEAD").strip()
    except LineupError as error:
        fix = "name a branch, tag or commit; after a shallow clone: git fetch --unshallow"
        raise LineupError(f"SINCE={revision}", "no common commit", "a revision of git", fix) from error


def diff(kind: str, base: str) -> str:
    """DVC's table (Markdown) of the changes of `kind`, metrics or params, since the commit `base`."""
    # Of all parameters, not of the identities in resolved/, which say nothing to a reader.
    targets = ["--targets", *list_parameters(read_here)] if kind == "params" else []
    words = [sys.executable, "-m", "dvc", kind, "diff", base, "--md", *targets]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise LineupError(f"dvc {kind} diff {base}", said, "success", "run it by hand to see more")
    return done.stdout.strip()
