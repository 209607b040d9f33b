"""Ranks with ties, which count the runs that are really better."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from lineup.statistics.pairs import Pair


def rank(means: Mapping[str, float], pairs: Sequence[Pair], *, smaller_is_better: bool) -> dict[str, int]:
    """Rank each run of {name: mean}: 1 and one more for every run that is really better, so 1, 1, 3.

    Being told apart is not handed on: of three runs the first and last may be told apart, and neither from
    the middle one, which then shares the first rank. But no run has a better rank than one with a better
    mean: runs that differ much from seed to seed are told apart from few, which is no merit.
    """
    beaten = Counter(find_worse(pair, smaller_is_better=smaller_is_better) for pair in pairs if pair.real)
    sign = 1 if smaller_is_better else -1
    # Of equal means, the one that fewer beat comes first: it takes no rank from the other.
    ordered = sorted(means, key=lambda name: (sign * means[name], beaten[name]))
    ranks = dict(zip(ordered, accumulate((1 + beaten[name] for name in ordered), max), strict=True))
    return {name: ranks[name] for name in means}


def find_worse(pair: Pair, *, smaller_is_better: bool) -> str:
    """The run of `pair` that has the worse mean."""
    return pair.first if (pair.difference > 0) == smaller_is_better else pair.second
