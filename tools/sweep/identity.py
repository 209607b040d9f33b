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
from sweep.plan import PARAMS, Point, describe_training, list_sources

# What an experiment is made of: it would carry along what has not been committed.
SOURCES = (str(PARAMS), "dvc.yaml", "stages", "src")

# Sources of weights and of images that are files somebody puts there.
BY_HAND = ("file", "folder")


def refuse_uncommitted() -> None:
    """Refuse changes that no commit holds: an experiment's result must belong to one."""
    changed = [line[3:] for line in ask_git("status", "--porcelain", "--", *SOURCES).splitlines()]
    if changed:
        found = f"{', '.join(changed[:3])}{' and more' if len(changed) > 3 else ''} not committed"
        raise LineupError(
            "git", found, "parameters and code as the last commit has them", "commit or undo it"
        )


def list_code(run: str, points: Iterable[Point]) -> tuple[str, ...]:
    """The files, relative to the working folder, that training any of `points` loads or starts from.

    They are modules, also those of the runs whose weights a point starts from, and files and folders of
    weights and images, with those by which DVC knows them.
    """
    trainings, files = [], set()
    for params in (point.params for point in points):
        for name in list_sources(params, run):
            entry = params["runs"][name]
            trainings.append([entry["family"], entry["task"], params["recipes"][entry["recipe"]]])
            dataset = params["datasets"][params["views"][entry["view"]]["dataset"]]
            sources = (params["weights"][entry["weights"]], dataset)
            files |= {source["needs"] for source in sources if source["source"] in BY_HAND}
    done = subprocess.run(
        [sys.executable, "-m", "sweep.loaded"],
        input=json.dumps(trainings), capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", str(Path(__file__).parents[1])])},
    )  # fmt: skip
    if done.returncode:
        said = " ".join(done.stderr.strip().splitlines()[-1:])
        raise LineupError(f"run {run}", f"its code cannot be loaded ({said})", "code that trains", "mend it")
    return (*json.loads(done.stdout), *sorted(files), *sorted(f"{file}.dvc" for file in files))


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
