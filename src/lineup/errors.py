"""The one kind of error that is meant for users, and how it names what they may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


class LineupError(Exception):
    """Something a user can put right; a stage prints it as one line and exits with status 1."""

    def __init__(self, where: str, found: str, expected: str, fix: str) -> None:
        super().__init__(f"{where}: {found}; expected {expected}; fix: {fix}")
        self.found, self.expected, self.fix = found, expected, fix


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean a or b?` for the names that resemble `word`, else `choose one of …`."""
    known = sorted(known)
    close = get_close_matches(word, known, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"choose one of {', '.join(known[:20])}" if known else "declare it first"
