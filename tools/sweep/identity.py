"""What makes two trainings the same: the parameters that a run reads, and the code that it loads."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ask_git import ask_git
from lineup.config.params import parse
from lineup.errors import LineupError
from lineup.training.fingerprint import fingerprint
from sweep.plan import PARAMS, Point, describe_training

# What an experiment is made of: it would carry along what has not been committed.
SOURCES = (str(PARAMS), "dvc.yaml", "stages", "src")


def refuse_uncommitted() -> None:
    """Refuse changes that no commit holds: an experiment's result must belong to one."""
    changed = [line[3:] for line in ask_git("status", "--porcelain", "--", *SOURCES).splitlines()]
    if changed:
        found = f"{', '.join(changed[:3])}{' and more' if len(changed) > 3 else ''} not committed"
        raise LineupError(
            "git", found, "parameters and code as the last commit has them", "commit or undo it"
        )


def list_code(run: str, points: Iterable[Point]) -> tuple[str, ...]:
    """The files, relative to the working folder, of all modules that training any of `points` loads."""
    entries = [(point.params["runs"][run], point.params["recipes"]) for point in points]
    trainings = [[entry["family"], entry["task"], recipes[entry["recipe"]]] for entry, recipes in entries]
    done = subprocess.run(
        [sys.executable, "-m", "sweep.loaded"],
        input=json.dumps(trainings), capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", str(Path(__file__).parents[1])])},
    )  # fmt: skip
    if done.returncode:
        said = " ".join(done.stderr.strip().splitlines()[-1:])
        raise LineupError(f"run {run}", f"its code cannot be loaded ({said})", "code that trains", "mend it")
    return tuple(json.loads(done.stdout))


def identify(params: Any, run: str, revision: str, code: Sequence[str]) -> str | None:
    """A hash of what trains `run`: `params`, and the files `code` of the commit; None without that run."""
    try:
        training = describe_training(params, run)
    except (KeyError, TypeError):
        return None
    return fingerprint(training=training, code=_list_blobs(revision, tuple(code)))[:12]


@cache
def identify_revision(revision: str, run: str, code: tuple[str, ...]) -> str | None:
    """`identify` for the params.yaml of a commit; None if it cannot be read."""
    try:
        params = parse(ask_git("show", f"{revision}:{PARAMS}"), PARAMS)
    except LineupError:
        return None
    return identify(params, run, revision, code)


@cache
def _list_blobs(revision: str, code: tuple[str, ...]) -> dict[str, str]:
    """Git's hash of each of the files `code` that `revision` has."""
    lines = ask_git("ls-tree", "-r", revision, "--", *code).splitlines()
    return {path: about.split()[2] for about, path in (line.split("\t") for line in lines)}
