"""What is done on the other machine: train side by side, evaluate one by one, pack the results.

DVC runs each stage by itself (`repro --single-item`), so nothing else is touched, and what is done already
is skipped. Standard library only; DVC and the stages run in the Python that was prepared.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundle.parts import Content, list_files, write_parts
from lineup.errors import LineupError

# What one training may take, declared, so that the number side by side is known beforehand.
CORES = 2
MEMORY = 4 * 2**30
ACCELERATOR_MEMORY = 8 * 2**30

POLL_SECONDS = 0.1
TELL_SECONDS = 60.0
STOP_SECONDS = 120.0  # for a trainer to write its checkpoint
BUSY_SECONDS = 10.0
# DVC's words when a process of an earlier call still works on the same files.
BUSY = "is busy, it is being blocked by"

DONE, STOPPED, FAILED = "done", "stopped", "failed"
REMOTE = "travel"  # the name of DVC's remote in the packed copy
STATE = Path(".lineup")


@dataclass(frozen=True)
class Place:
    """Where the work is done, the folder of its `python`, where results go, and the bundle's facts."""

    folder: Path
    programs: Path
    results: Path
    facts: dict[str, Any]

    @property
    def repository(self) -> Path:
        """The unpacked repository."""
        return self.folder / "repository"

    def log(self, stage: str) -> Path:
        """Where the output of a stage goes."""
        return self.folder / "logs" / f"{stage}.log"

    def environment(self) -> dict[str, str]:
        """Ours, with the prepared Python first, the packed commit, and DVC's state in the folder."""
        return {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "PATH": os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)]),
            "LINEUP_COMMIT": self.facts["commit"],
            "DVC_SITE_CACHE_DIR": str(self.folder / "dvc"),
            "DVC_NO_ANALYTICS": "1",
        }

    def dvc(self, *words: str) -> list[str]:
        """The command that runs DVC."""
        return [str(self.programs / "python"), "-m", "dvc", "--wait-for-lock", *words]


def work(place: Place, *, jobs: int | None, minutes: float | None, limit: int) -> None:
    """Run every run of the bundle and pack the results in parts of at most `limit` bytes.

    `jobs` trainings run side by side. After `minutes` trainings are stopped at a checkpoint; what is finished
    is evaluated, and the rest travels home half-trained. Raises LineupError if a stage failed, after packing.
    """
    runs = list(place.facts["runs"])
    side_by_side = jobs or count_jobs(place, len(runs))
    print(f"{', '.join(runs)}: {side_by_side} side by side, logs in {place.folder / 'logs'}", flush=True)
    deadline = time.monotonic() + minutes * 60 if minutes else None
    states = Crew(place, side_by_side, deadline).run([f"train@{run}" for run in runs])
    trained = [run for run in runs if states[f"train@{run}"] == DONE]
    # One by one: what evaluate measures of time should be of a quiet machine.
    states |= Crew(place, 1, None).run([f"evaluate@{run}" for run in trained])
    finished = [run for run in trained if states[f"evaluate@{run}"] == DONE]
    _store(place, [stage for run in finished for stage in place.facts["runs"][run]["stages"]])
    pack_results(place, finished, limit)
    failed = [stage for stage, state in states.items() if state == FAILED]
    if failed:
        logs = ", ".join(str(place.log(stage)) for stage in failed)
        raise LineupError(
            ", ".join(failed), "failed", "stages that end well", f"see {logs}, then run this again"
        )


class Crew:
    """Stages run by DVC, a number of them at a time, each a process group of its own."""

    def __init__(self, place: Place, jobs: int, deadline: float | None) -> None:
        self._place, self._jobs, self._deadline = place, jobs, deadline
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._began: dict[str, float] = {}
        self._heads: dict[str, int] = {}  # where in its log a stage's output begins
        self._told = time.monotonic()

    def run(self, stages: Sequence[str]) -> dict[str, str]:
        """Run `stages` and return how each ended; those not begun at the deadline count as stopped."""
        waiting, states = list(stages), dict.fromkeys(stages, STOPPED)
        try:
            while (waiting or self._running) and not self._late():
                while waiting and len(self._running) < self._jobs:
                    self._start(waiting.pop(0))
                time.sleep(POLL_SECONDS)
                states |= dict(self._collect())
                self._tell()
        finally:
            self._stop()
        return states

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _start(self, stage: str) -> None:
        log = self._place.log(stage)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            self._heads[stage] = file.tell()
            self._running[stage] = subprocess.Popen(
                self._place.dvc("repro", "--single-item", stage),
                cwd=self._place.repository,
                env=self._place.environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                process_group=0,  # so that a trainer below DVC gets the signal that stops it
            )
        if stage not in self._began:
            print(f"{stage}: started", flush=True)
            self._began[stage] = time.monotonic()

    def _collect(self) -> Iterator[tuple[str, str]]:
        """The stages that have ended since the last call, and how."""
        for stage, process in list(self._running.items()):
            if process.poll() is None:
                continue
            del self._running[stage]
            if process.returncode and BUSY in self._read_log(stage):
                print(f"{stage}: a process of an earlier call still works on it, waiting", flush=True)
                time.sleep(BUSY_SECONDS)
                self._start(stage)
                continue
            seconds = time.monotonic() - self._began[stage]
            state = FAILED if process.returncode else DONE
            print(f"{stage}: {state} after {seconds:.0f} s", flush=True)
            yield stage, state

    def _tell(self) -> None:
        """Say from time to time where each running stage is."""
        if time.monotonic() - self._told < TELL_SECONDS:
            return
        self._told = time.monotonic()
        for stage in self._running:
            print(f"{stage}: {self._read_log(stage).rpartition(chr(10))[2]}", flush=True)

    def _read_log(self, stage: str) -> str:
        """What a stage has said since it was started, without the end of line."""
        said = self._place.log(stage).read_bytes()[self._heads[stage] :]
        return said.decode(errors="replace").rstrip()

    def _stop(self) -> None:
        """End what still runs: trainers write a checkpoint first."""
        for stage, process in self._running.items():
            print(f"{stage}: stopping", flush=True)
            # Not SIGTERM: at Ctrl-C DVC waits for its stage, and gives its locks back.
            _signal_group(process, signal.SIGINT)
        until = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._running.clear()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def count_jobs(place: Place, runs: int) -> int:
    """How many trainings the machine holds: by processor cores, memory and the accelerator's memory."""
    allowed = [runs, len(os.sched_getaffinity(0)) // CORES, _free_memory() // MEMORY]
    free = _free_accelerator_memory(place)
    if free is not None:
        allowed.append(free // ACCELERATOR_MEMORY)
    return max(1, min(allowed))


def _free_memory() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _free_accelerator_memory(place: Place) -> int | None:
    """Free bytes of the accelerator that torch sees; None where it sees none."""
    # In a process of its own: one that has asked keeps some of that memory.
    ask = "import torch; print(torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else '')"
    words = [str(place.programs / "python"), "-c", ask]
    done = subprocess.run(words, env=place.environment(), capture_output=True, text=True, check=False)
    return int(done.stdout) if done.stdout.strip() else None


def _store(place: Place, stages: Sequence[str]) -> None:
    """Put what the finished stages left under DVC's control into the remote that travels."""
    if stages:
        _call(place, "commit", "--quiet", *stages)  # what was up to date when it came may not be stored
        _call(place, "push", "--quiet", "--remote", REMOTE, *stages)


def _call(place: Place, *words: str) -> None:
    done = subprocess.run(
        place.dvc(*words),
        cwd=place.repository,
        env=place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()) or "no reason given"
        raise LineupError(f"dvc {' '.join(words)}", said, "exit status 0", "mend that and run this again")


def pack_results(place: Place, finished: Sequence[str], limit: int) -> None:
    """Pack what the runs `finished` left, and the others' unfinished state, as parts."""
    runs, repository = place.facts["runs"], place.repository
    unfinished = [run for run in runs if run not in finished]
    members: list[tuple[str, Content]] = [
        (f"remote/{file.relative_to(place.folder / 'remote')}", file)
        for file in list_files(place.folder / "remote")
    ]
    members += [(f"logs/{file.name}", file) for file in list_files(place.folder / "logs")]
    if finished:
        members.append(("dvc.lock", repository / "dvc.lock"))
    members += _find(repository, [path for run in finished for path in runs[run]["plain"]], "tree")
    for run in unfinished:
        paths = [*runs[run]["kept"], str(STATE / "checkpoints" / run)]
        members += _find(repository, paths, f"unfinished/{run}")
    facts = {
        "kind": "results",
        "commit": place.facts["commit"],
        "finished": {run: {"stages": runs[run]["stages"]} for run in finished},
        "unfinished": unfinished,
    }
    manifest = write_parts(members, place.results, limit, facts)
    said = f"finished: {', '.join(finished) or 'none'}; unfinished: {', '.join(unfinished) or 'none'}"
    print(f"{place.results}: {len(manifest.parts)} parts; {said}", flush=True)
    print(
        "take that folder home, then: make unbundle FROM=<folder>; to go on here: run this again", flush=True
    )


def _find(repository: Path, paths: Sequence[str], below: str) -> list[tuple[str, Content]]:
    files = [file for path in paths for file in list_files(repository / path)]
    return [(f"{below}/{file.relative_to(repository)}", file) for file in files]
