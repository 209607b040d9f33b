"""Progress of a download: a bar at a terminal, a few plain lines in a log."""

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

MEGA = 1_000_000
LINES = 10  # of a log, for a file of known size; otherwise one every LINES megabytes


def track(chunks: Iterable[bytes], name: str, done: int, total: int | None) -> Iterator[bytes]:
    """Hand `chunks` through and show on stderr how many of `total` bytes are there, after `done` earlier."""
    return _draw(chunks, name, done, total) if sys.stderr.isatty() else _log(chunks, name, done, total)


def _draw(chunks: Iterable[bytes], name: str, done: int, total: int | None) -> Iterator[bytes]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=total, completed=done)
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))


def _log(chunks: Iterable[bytes], name: str, done: int, total: int | None) -> Iterator[bytes]:
    step = max(total // LINES, 1) if total else LINES * MEGA
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if done // step > (done - len(chunk)) // step:
            whole = f" of {total / MEGA:.1f}" if total else ""
            print(f"{name}: {done / MEGA:.1f}{whole} MB", file=sys.stderr, flush=True)
