"""DVC's queue of experiments: what stands in it, and who works on it."""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import psutil  # type: ignore[import-untyped]

from ask_dvc import open_repo
from lineup.errors import LineupError

OPEN = ("queued", "running")
LOCK = Path(".lineup/sweep.lock")


@dataclass(frozen=True)
class Task:
    """An experiment: queued, running, failed or success; log: what it has printed, once it runs."""

    revision: str
    name: str
    status: str
    log: Path | None


@contextmanager
def hold() -> Iterator[None]:
    """Be the only sweep that adds to the queue: a second one would add the same points once more.

    Workers that are left behind do not hold it. Raises LineupError if another sweep does.
    """
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            found, fix = "another sweep runs in this repository", "wait for it or end it, then run again"
            raise LineupError(str(LOCK), found, "one sweep at a time", fix) from error
        yield


def list_tasks() -> list[Task]:
    """All of the queue, oldest first."""
    with open_repo() as repo:
        queue = repo.experiments.celery_queue
        rows = sorted(queue.status(), key=lambda row: row["timestamp"])
        logs = {row["rev"]: queue.proc.get(row["rev"]) for row in rows}
        return [
            Task(row["rev"], row["name"], row["status"].lower(), Path(log.stdout) if log else None)
            for row in rows
            for log in [logs[row["rev"]]]
        ]


def add(name: str, overrides: Sequence[str], target: str) -> None:
    """Queue `target` with the parameters `overrides` as the experiment `name`."""
    settings = [word for override in overrides for word in ("--set-param", override)]
    _dvc("exp", "run", "--queue", "--name", name, *settings, target)


def remove(tasks: Iterable[Task]) -> None:
    """Take `tasks`, which must not be running, out of the queue; experiments that succeeded stay."""
    revisions = [task.revision for task in tasks]
    if revisions:
        _dvc("queue", "remove", *revisions)


def end_orphans() -> None:
    """End what no worker looks after any more, so that it counts as failed: its result would be lost."""
    for _ in range(2):  # the first time ends the process, the second sees that it has ended
        orphans = [task.revision for task in list_tasks() if task.status == "running"]
        if orphans and not count_workers():
            _dvc("queue", "kill", "--force", *orphans)


def start_workers(jobs: int) -> None:
    """Have `jobs` workers on the queue; returns at once, and they end by themselves when it is empty."""
    _dvc("queue", "start", "--jobs", str(jobs))


def count_workers() -> int:
    """How many workers this repository's queue has."""
    with open_repo() as repo:
        folder = repo.experiments.celery_queue.wdir
    # DVC names its workers by this hash.
    node = f"dvc-exp-{hashlib.sha256(folder.encode()).hexdigest()[:6]}-"
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return sum(any(word.startswith(node) for word in words) for words in commands)


def _dvc(*words: str) -> None:
    # Not a pipe: workers that it leaves behind inherit it, and it would be read until the last of them ends.
    with TemporaryFile() as errors:
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *words], stdout=subprocess.DEVNULL, stderr=errors, check=False
        )
        errors.seek(0)
        printed = errors.read().decode(errors="replace")
    if done.returncode:
        lines = [line for line in printed.splitlines() if line.strip()]
        said = lines[-1].removeprefix("ERROR: ") if lines else f"exit status {done.returncode}"
        command = f"dvc {' '.join(word for word in words[:2])}"
        raise LineupError(command, said, "success", "see what it says, then run again: what is done stays")
