"""What a stage and a person at a terminal see of each other: exit codes, error lines, signals, progress."""

import inspect
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Self, TextIO

from lineup.errors import LineupError

SIGNALS = (signal.SIGTERM, signal.SIGINT)
REDRAW_SECONDS = 0.2
# How torch says so; CUDA lacks the gradients of some operations in this form.
NOT_DETERMINISTIC = " does not have a deterministic implementation"


class Stopped(BaseException):
    """SIGTERM or SIGINT arrived. A trainer may catch it, save a checkpoint and raise it again."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


def stage(main: Callable[..., None]) -> NoReturn:
    """Call `main` with the words of the command line and end the process.

    Exit status 0; 1 after a LineupError, with one line `error: ...` for each problem on stderr, and where
    torch refuses an operation that would not give the same bits each time; 143 after SIGTERM and 130 after
    Ctrl-C, which reach `main` as Stopped; 2 when the words do not fit main.
    """
    words = sys.argv[1:]
    try:
        inspect.signature(main).bind(*words)
    except TypeError:
        names = " ".join(name.upper() for name in inspect.signature(main).parameters)
        print(f"usage: python {Path(sys.argv[0]).name} {names}".rstrip(), file=sys.stderr)
        sys.exit(2)
    for number in SIGNALS:
        signal.signal(number, _stop)
    try:
        with _explain_torch(" ".join(words)):
            main(*words)
    except LineupError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.status)
    sys.exit(0)


@contextmanager
def _explain_torch(where: str) -> Iterator[None]:
    """Name the operation that torch refuses because it would not give the same bits each time."""
    try:
        yield
    except RuntimeError as error:
        operation, refused, _ = str(error).partition(NOT_DETERMINISTIC)
        if not refused:
            raise
        expected, fix = "operations with one", "choose another model, or set runtime.device to cpu"
        raise LineupError(where, f"{operation}{NOT_DETERMINISTIC}", expected, fix) from error


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold SIGTERM and SIGINT back until the block ends, so that it happens whole or not at all."""
    # Not a signal mask: it holds for one thread only, and torch has others that would take the signal.
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda got, _: arrived.append(got)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    # Some senders, GNU timeout for one, signal twice: the second must not cut the checkpoint short.
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(number)


class Progress:
    """The progress of one training: a line redrawn in place at a terminal, one line an epoch in a log.

    `epochs` and `images` (in an epoch) say how much there is, `done` how many epochs an earlier process did,
    `score` what stands beside the loss.
    Use it in a `with` block, so that whatever is printed after it starts on a line of its own.
    """

    def __init__(
        self,
        label: str,
        epochs: int,
        images: int,
        done: int = 0,
        *,
        score: str = "accuracy",
        stream: TextIO | None = None,
    ) -> None:
        self._score = score
        self._label, self._epochs, self._images, self._done = label, epochs, images, done
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._began = self._epoch_began = time.monotonic()
        self._drawn = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()

    def due(self) -> bool:
        """Whether `show` would draw now: asked first, since reading the loss makes an accelerator wait."""
        return self._terminal and time.monotonic() - self._drawn >= REDRAW_SECONDS

    def show(self, epoch: int, images: int, loss: float, score: float) -> None:
        """Redraw the line within an epoch (counted from 1) of which `images` have been trained on."""
        self._drawn = time.monotonic()
        line = self._line(epoch, images, loss, score)
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[K{line[:width]}")
        self._stream.flush()

    def end_epoch(self, epoch: int, loss: float, score: float) -> None:
        """Write the line of a finished epoch, to stay."""
        start = "\r\x1b[K" if self._terminal else ""
        self._stream.write(f"{start}{self._line(epoch, self._images, loss, score)}\n")
        self._stream.flush()
        self._epoch_began, self._drawn = time.monotonic(), 0.0

    def _line(self, epoch: int, images: int, loss: float, score: float) -> str:
        now = time.monotonic()
        rate = images / max(now - self._epoch_began, 1e-9)
        trained = (epoch - 1 - self._done) * self._images + images
        left = (self._epochs - epoch + 1) * self._images - images
        seconds = (now - self._began) / max(trained, 1) * left
        return (
            f"{self._label}  epoch {epoch}/{self._epochs}  loss {loss:.4f}  {self._score} {score:.4f}"
            f"  {rate:,.0f} images/s  {timedelta(seconds=round(seconds))} left"
        )
