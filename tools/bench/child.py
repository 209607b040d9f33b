"""A process a role."""

import signal
import time
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Self

import torch

from bench.job import Job
from bench.roles import PREPARE
from lineup.errors import LineupError

SETTLE_SECONDS = 0.3  # after a turn: loader workers fill their queue, idle threads stop spinning
STOP_SECONDS = 10.0  # for a process to end by itself


def serve(connection: Connection, job: Job) -> None:
    """Compute as many steps as the parent asks for, again and again, and answer with the seconds taken."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this process
    torch.manual_seed(0)
    advance = PREPARE[job.role](job)
    with suppress(EOFError, ConnectionError):  # the parent has gone, without a goodbye
        for steps in iter(connection.recv, None):
            advance(1 + steps // 8)  # drains what loader workers did while others had their turn
            finish(job.device)
            began = time.perf_counter()
            advance(steps)
            finish(job.device)
            connection.send(time.perf_counter() - began)


def finish(device: str) -> None:
    """Wait for an accelerator to have done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


class Child:
    """The process of one role; a context, at whose end it is gone. At the deadline it is given up."""

    def __init__(self, job: Job, deadline: float) -> None:
        # A server that has imported everything forks each child, which spares seconds a child.
        context = get_context("forkserver")
        context.set_forkserver_preload(["lineup.training.seeds", "torchvision.transforms", "torch._dynamo"])
        self.role, self.deadline = job.role, deadline
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, job))
        self.process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self.connection.send(None)
        self.process.join(STOP_SECONDS)
        self.process.terminate()
        self.process.join()
        self.connection.close()

    def measure(self, steps: int) -> float:
        """The seconds that so many steps take.

        Raises TimeoutError at the deadline, and LineupError if the process has died.
        """
        try:
            self.connection.send(steps)
            if not self.connection.poll(max(0.0, self.deadline - time.monotonic())):
                raise TimeoutError
            seconds: float = self.connection.recv()
        except (EOFError, ConnectionError) as error:
            self.process.join()
            found = f"its process ended with status {self.process.exitcode}"
            raise LineupError(
                f"bench: {self.role}", found, "a measurement", "see above, or free memory"
            ) from error
        time.sleep(SETTLE_SECONDS)
        return seconds

    def choose_steps(self, seconds: float) -> int:
        """How many steps last about so many seconds."""
        steps = 1
        while (took := self.measure(steps)) < seconds / 4:
            steps *= 2
        return max(1, round(steps * seconds / took))
