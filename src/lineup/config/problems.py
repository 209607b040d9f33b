"""How problems of a file of parameters are told: all at once, one a line, with the names that are near."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from lineup.errors import LineupError


class ParamsError(LineupError):
    """Every problem of a file at once, one a line."""

    def __init__(self, errors: Iterable[LineupError]) -> None:
        Exception.__init__(self, "\n".join(str(error) for error in errors))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean a or b?` for the names that resemble `word`, else `choose one of …`."""
    known = sorted(known)
    close = get_close_matches(word, known, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"choose one of {', '.join(known[:20])}" if known else "declare it first"


def refuse(errors: Iterable[LineupError]) -> None:
    """Raise the one error there is, or ParamsError for several; do nothing without any."""
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ParamsError(found)


def unknown(where: str, word: str, known: Iterable[str], expected: str, path: Path) -> LineupError:
    """The error that `word`, at `where` in the file `path`, is none of the `known` names."""
    return LineupError(f"{path}: {where}", f"unknown name {word!r}", expected, nearest(word, known))
