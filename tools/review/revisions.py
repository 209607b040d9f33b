"""The runs as a commit has them, or the working tree: what is declared, and what was measured."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ask_git import ask_git, read_git
from lineup.config.params import parse
from lineup.errors import LineupError
from lineup.evaluation.outcomes import Outcomes, read_outcomes

PARAMS = Path("params.yaml")

Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Measured:
    """A run's figures as metrics/runs has them, those of each seed, and its outcomes on the test images."""

    figures: Mapping[str, float]
    seeds: Mapping[str, Mapping[str, float]]
    outcomes: Outcomes | None


def read_runs(read: Read, where: str) -> dict[str, Measured | None]:
    """The runs that params.yaml declares; None for one that has no result. `where` is for messages."""
    text = read(str(PARAMS))
    params = parse(text.decode(), PARAMS) if text is not None else None
    if not isinstance(params, Mapping) or not isinstance(params.get("runs"), Mapping):
        raise LineupError(where, f"no runs in {PARAMS}", "a revision of this pipeline", "choose a later one")
    return {name: _read_measured(name, read, where) for name in params["runs"]}


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
    words = [sys.executable, "-m", "dvc", kind, "diff", base, "--md"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise LineupError(f"dvc {kind} diff {base}", said, "success", "run it by hand to see more")
    return done.stdout.strip()
