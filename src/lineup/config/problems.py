"""How problems of a file of parameters are told: all at once, one a line."""

from collections.abc import Callable, Iterable

from lineup.errors import LineupError, nearest

Locate = Callable[[str], str]  # how a message names a dotted key, with the file that it stands in


class ParamsError(LineupError):
    """Every problem of a file at once, one a line."""

    def __init__(self, errors: Iterable[LineupError]) -> None:
        Exception.__init__(self, "\n".join(str(error) for error in errors))


def refuse(errors: Iterable[LineupError]) -> None:
    """Raise the one error there is, or ParamsError for several; do nothing without any."""
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ParamsError(found)


def unknown(where: str, word: str, known: Iterable[str], expected: str) -> LineupError:
    """The error that `word`, at `where`, is none of the `known` names."""
    return LineupError(where, f"unknown name {word!r}", expected, nearest(word, known))
