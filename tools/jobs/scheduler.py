"""Stages that DVC runs side by side, each in a process of its own. Standard library only: bundles take it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jobs.order import BLOCKED, DONE, FAILED, STOPPED, Graph, find_blocking
from lineup.console import uninterrupted

POLL_SECONDS = 0.1
TELL_SECONDS = 60.0
STOP_SECONDS = 120.0  # for a trainer to write its checkpoint
BUSY_SECONDS = 10.0
# DVC's words when a process of an earlier call still works on the same files.
BUSY = "is busy, it is being blocked by"


class Host(Protocol):
    """Where stages are run, and how."""

    @property
    def repository(self) -> Path:
        """The folder with dvc.yaml."""

    def log(self, stage: str) -> Path:
        """Where the output of a stage goes."""

    def environment(self) -> dict[str, str]:
        """What processes find."""

    def dvc(self, *words: str) -> list[str]:
        """The command that runs DVC."""


class Scheduler:
    """Stages run by DVC, each a process group of its own: `jobs` at a time, until the time `deadline`.

    With `cores`, the `threads` of those that run (1 where not given) are never more than these, but for a
    stage that needs more: it runs alone. `seconds` says how long each stage took.
    """

    def __init__(
        self,
        host: Host,
        jobs: int,
        deadline: float | None = None,
        *,
        cores: int | None = None,
        threads: Mapping[str, int] | None = None,
    ) -> None:
        self._host, self._jobs, self._deadline = host, jobs, deadline
        self._cores, self._threads = cores, threads or {}
        self.seconds: dict[str, float] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._began: dict[str, float] = {}
        self._heads: dict[str, int] = {}  # where in its log a stage's output begins
        self._told = time.monotonic()

    def run(
        self, stages: Sequence[str], graph: Graph | None = None, earlier: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Run `stages`, each as soon as those of them that it needs are done, and return how each ended.

        graph: what each needs, nothing where it is not given; earlier: how those of it ended that were run
        before. A stage that was not begun at the deadline counts as stopped.
        """
        needs, waiting, states = graph or {}, list(stages), dict(earlier or {})
        try:
            while (waiting or self._running) and not self._late():
                _give_up(waiting, needs, states)
                pending = {stage for stage in stages if states.get(stage) != DONE}
                ready = [stage for stage in waiting if pending.isdisjoint(needs.get(stage, ()))]
                while (stage := self._choose(ready)) is not None:
                    ready.remove(stage)
                    waiting.remove(stage)
                    self._start(stage)
                time.sleep(POLL_SECONDS)
                states |= dict(self._collect())
                self._tell()
        finally:
            self._stop()
        return {stage: states.get(stage, STOPPED) for stage in stages}

    def _late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _choose(self, ready: Sequence[str]) -> str | None:
        """The first of `ready` that there is room for."""
        if not self._running or len(self._running) >= self._jobs or self._cores is None:
            return ready[0] if ready and len(self._running) < self._jobs else None
        free = self._cores - sum(self._threads.get(stage, 1) for stage in self._running)
        return next((stage for stage in ready if self._threads.get(stage, 1) <= free), None)

    def _environment(self) -> dict[str, str]:
        # A thread that waits for its next piece of work keeps its core busy, which others could use.
        polite = {"OMP_WAIT_POLICY": "passive"} if self._jobs > 1 else {}
        return {**self._host.environment(), **polite}

    def _start(self, stage: str) -> None:
        log = self._host.log(stage)
        log.parent.mkdir(parents=True, exist_ok=True)
        # Whole, or a signal between the start and the note of it would leave a process behind.
        with uninterrupted(), log.open("ab") as file:
            self._heads[stage] = file.tell()
            self._running[stage] = subprocess.Popen(
                self._host.dvc("repro", "--single-item", stage),
                cwd=self._host.repository,
                env=self._environment(),
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
            self.seconds[stage] = time.monotonic() - self._began[stage]
            state = FAILED if process.returncode else DONE
            print(f"{stage}: {state} after {self.seconds[stage]:.0f} s", flush=True)
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
        said = self._host.log(stage).read_bytes()[self._heads[stage] :]
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


def _give_up(waiting: list[str], needs: Graph, states: dict[str, str]) -> None:
    """Take out of `waiting` what cannot be run any more; its state then says so, for those that need it."""
    for stage in list(waiting):
        blocking = find_blocking(needs.get(stage, ()), states)
        if blocking:
            print(f"{stage}: {BLOCKED}, for want of {', '.join(blocking)}", flush=True)
            waiting.remove(stage)
            states[stage] = BLOCKED


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
