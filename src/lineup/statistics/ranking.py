"""Ranks with ties: runs that cannot be told apart share one."""

from collections.abc import Iterable, Sequence

from lineup.statistics.pairs import Pair


def rank(names: Iterable[str], pairs: Sequence[Pair], *, smaller_is_better: bool) -> dict[str, int]:
    """Rank each of `names`: 1 and one more for every run that is really better, so 1, 1, 3.

    Being told apart is not handed on: of three runs the first and last may be told apart, and neither from
    the middle one, which then shares the first rank.
    """
    beaten = [find_worse(pair, smaller_is_better=smaller_is_better) for pair in pairs if pair.real]
    return {name: 1 + beaten.count(name) for name in names}


def find_worse(pair: Pair, *, smaller_is_better: bool) -> str:
    """The run of `pair` that has the worse mean."""
    return pair.first if (pair.difference > 0) == smaller_is_better else pair.second
