"""Waiting runs moved into runs, in the text of params.yaml."""

from collections.abc import Iterable
from pathlib import Path

from lineup.config.params import check, parse
from lineup.errors import LineupError
from start import move

PARAMS = Path("params.yaml")


def move_waiting(text: str, runs: Iterable[str]) -> str:
    """Return `text` with the entries of the waiting `runs` moved as `make start` does.

    Raises LineupError if an entry cannot be moved line by line, or if `text` is not valid.
    """
    wanted = parse(text, PARAMS)
    check(wanted, PARAMS)
    for run in runs:
        text = move(text, run)
        wanted["runs"][run] = wanted["waiting"].pop(run)
    if parse(text, PARAMS) != wanted:
        expected, fix = "each run on lines of its own", "make start, or move it by hand"
        raise LineupError(f"{PARAMS}: waiting", "cannot be moved safely", expected, fix)
    return text
