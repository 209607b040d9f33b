"""Follow the learning curves in TensorBoard: `make board`, or `python tools/board.py --help`.

In: plots/curves, which trainings write epoch by epoch. Out: TensorBoard's event files under .lineup/board, a
folder a seed, and with --port the page itself until Ctrl-C.
"""

import argparse
import csv
import importlib.util
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lineup.console import Stopped, stage
from lineup.errors import LineupError

CURVES, LOGS = Path("plots/curves"), Path(".lineup/board")
SECONDS = 2.0  # between two looks at the curves
SPLITS = {"train": "train", "val": "validation"}

Row = dict[str, str]


def main(*words: str) -> None:
    """Bring TensorBoard's files up to date, and keep them so while it shows them."""
    asked = _parse(words)
    if importlib.util.find_spec("tensorboard") is None:
        fix = "install it: pip install tensorboard"
        raise LineupError("tensorboard", "not installed", "the package", fix)
    shutil.rmtree(LOGS, ignore_errors=True)
    board = Board()
    board.update()
    if asked.port:
        with suppress(Stopped):  # Ctrl-C is how it ends
            serve(board, asked.port)


def serve(board: "Board", port: int) -> None:
    """Show what `board` is told, until stopped. Raises LineupError if TensorBoard ends by itself."""
    words = [sys.executable, "-m", "tensorboard.main", "--logdir", str(LOGS), "--port", str(port)]
    with subprocess.Popen([*words, "--reload_interval", str(SECONDS)]) as server:
        try:
            print(f"http://localhost:{port} shows {CURVES}; Ctrl-C ends it", flush=True)
            while server.poll() is None:
                board.update()
                time.sleep(SECONDS)
        finally:
            server.terminate()
    fix = "read what it said above; if another program has the port: make board PORT=6007"
    raise LineupError(
        "tensorboard", f"ended with exit status {server.returncode}", "a page until Ctrl-C", fix
    )


class Board:
    """What TensorBoard has been told: how many epochs of each run and seed, and when its file was read."""

    def __init__(self) -> None:
        self._told: defaultdict[Path, list[Row]] = defaultdict(list)
        self._read: dict[Path, int] = {}

    def update(self) -> None:
        """Tell TensorBoard of every epoch in plots/curves that it does not know yet."""
        for path in sorted(CURVES.glob("*.csv")):
            changed = path.stat().st_mtime_ns
            if self._read.get(path) != changed:
                self._read[path] = changed
                for seed, rows in _read_seeds(path).items():
                    self._tell(LOGS / path.stem / f"seed-{seed}", rows)

    def _tell(self, folder: Path, rows: list[Row]) -> None:
        known = self._told[folder]
        if rows[: len(known)] != known:  # trained anew
            shutil.rmtree(folder)
            known = []
        if len(rows) > len(known):
            _write(folder, rows[len(known) :])
        self._told[folder] = rows


def _read_seeds(path: Path) -> dict[str, list[Row]]:
    """The rows of a file of curves by seed."""
    seeds = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            seeds[row["seed"]].append(row)
    return seeds


def _write(folder: Path, rows: Sequence[Row]) -> None:
    """Append `rows` to TensorBoard's files: the learning rate, and each quantity on train and validation."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:
        for row in rows:
            for name, value in _list_scalars(row):
                writer.add_scalar(name, value, int(row["epoch"]))


def _list_scalars(row: Row) -> Iterator[tuple[str, float]]:
    yield "learning rate", float(row["lr"])
    for column, value in row.items():
        split, _, quantity = column.partition("_")
        if split in SPLITS and quantity and value:
            yield f"{quantity}/{SPLITS[split]}", float(value)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make board", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="serve the page on this port of localhost")
    return parser.parse_args(words)


if __name__ == "__main__":
    stage(main)
