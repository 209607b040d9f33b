"""Bring everything up to date with trainings side by side: `make repro JOBS=2`.

In and out: what `dvc repro` takes and makes, with the same bits and the same dvc.lock. JOBS trainings at a
time at most, as long as their threads (fixed by their recipes, since bits depend on them) fit the cores,
each as soon as what it starts from is there; everything else one by one, since evaluate measures times. A
stage that fails is named in the end, with exit status 1; the others go on. Ctrl-C ends all, at a checkpoint;
called again, it goes on from there.
"""

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from joblib import cpu_count  # type: ignore[import-untyped]

from ask_dvc import open_repo
from jobs.order import FAILED, UP_TO_DATE, add_followers, find_blocking, group, name_kind
from jobs.scheduler import Scheduler
from lineup.config.params import load
from lineup.config.schema import Params
from lineup.console import stage
from lineup.errors import LineupError

SIDE_BY_SIDE = "train"


@dataclass(frozen=True)
class Checkout:
    """This repository, with this Python."""

    repository: Path

    def log(self, stage: str) -> Path:
        """Where the output of a stage goes, after that of earlier times."""
        return self.repository / f".lineup/logs/{stage}.log"

    def environment(self) -> dict[str, str]:
        """Ours."""
        return dict(os.environ)

    def dvc(self, *words: str) -> list[str]:
        """The command that runs DVC."""
        return [sys.executable, "-m", "dvc", "--wait-for-lock", *words]


def main(jobs: str) -> None:
    """Run what is not up to date, at most `jobs` trainings at a time."""
    if not (jobs.isascii() and jobs.isdigit() and int(jobs)):
        raise LineupError("JOBS", repr(jobs), "a whole number of at least 1", "give one")
    params, checkout, graph = load(), Checkout(Path.cwd()), read_graph()
    threads = list_threads(params)
    states: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for names in group(graph, SIDE_BY_SIDE):
        blocked = {name for name in names if find_blocking(graph[name], states)}
        # What a stale stage makes may be what it was, and what follows up to date: DVC finds that out.
        stale = add_followers(find_stale(names) | blocked, graph)
        # The widest first: narrow ones beside each other would keep them waiting to the end.
        wanted = sorted(filter(stale.__contains__, names), key=lambda name: -threads.get(name, 1))
        trains = any(name_kind(name) == SIDE_BY_SIDE for name in names)
        scheduler = Scheduler(checkout, int(jobs) if trains else 1, cores=cpu_count(), threads=threads)
        states |= dict.fromkeys(names, UP_TO_DATE) | scheduler.run(wanted, graph, states)
        seconds |= scheduler.seconds
    for run in params.runs:
        print(describe(run, states, seconds, checkout))
    refuse_failed(states, checkout)


def read_graph() -> dict[str, set[str]]:
    """The stages of dvc.yaml, and which others each of them needs."""
    with open_repo() as repo:
        graph = repo.index.graph
        return {each.addressing: {needed.addressing for needed in graph[each]} for each in graph}


def find_stale(names: Collection[str]) -> set[str]:
    """Those of the stages that are not as dvc.lock says."""
    with open_repo() as repo:
        return set(repo.status(targets=list(names)))


def list_threads(params: Params) -> dict[str, int]:
    """How many threads each training has."""
    return {f"{SIDE_BY_SIDE}@{name}": params.recipes[run.recipe].threads for name, run in params.runs.items()}


def describe(run: str, states: Mapping[str, str], seconds: Mapping[str, float], checkout: Checkout) -> str:
    """What became of a run, in one line."""
    names = [f"{kind}@{run}" for kind in (SIDE_BY_SIDE, "evaluate")]
    said = [
        f"{name_kind(name)} {states[name]}" + (f" ({seconds[name]:.0f} s)" if name in seconds else "")
        for name in names
    ]
    logs = [checkout.log(name).relative_to(checkout.repository) for name in names if states[name] == FAILED]
    failed = [f"see {log}" for log in logs]
    return f"{run}: {', '.join([*said, *failed])}"


def refuse_failed(states: Mapping[str, str], checkout: Checkout) -> None:
    """Raise LineupError if a stage failed."""
    failed = [name for name, state in states.items() if state == FAILED]
    if failed:
        logs = ", ".join(str(checkout.log(name).relative_to(checkout.repository)) for name in failed)
        raise LineupError(
            ", ".join(failed), "failed", "stages that end well", f"see {logs}, then run this again"
        )


if __name__ == "__main__":
    stage(main)
