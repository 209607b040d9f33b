"""Every two of several runs on the same images: how far apart they are, and whether that is real."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations

from scipy.optimize import brentq
from scipy.stats import nct, t
from statsmodels.stats.multitest import multipletests

from lineup.statistics.answers import Floats, Split, split_answers
from lineup.statistics.bootstrap import Resampled, resample
from lineup.statistics.intervals import LEVEL

ALPHA = 1 - LEVEL
POWER = 0.8


@dataclass(frozen=True)
class Pair:
    """Two runs on the same images.

    difference: mean of the first less that of the second; low, high: its 95 % interval; p: how often chance
    alone makes such a difference; corrected: p by Holm's method over all pairs; smallest: the smallest
    difference that is found real in four of five cases, at the level that Holm's method leaves for a pair
    that comes before all that are not real;
    split: how the answers of the first seeds differ, None where outcomes are not right or wrong.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    corrected: float
    smallest: float
    split: Split | None

    @property
    def real(self) -> bool:
        """Whether the two can be told apart: a table without any difference seldom (5 %) has such a pair."""
        return self.corrected < ALPHA


def compare_pairs(outcomes: Mapping[str, Floats]) -> list[Pair]:
    """Compare every two of two or more runs {name: float64 [seeds, n]}, all on the same n images in order.

    The p of two runs of one seed each is exact McNemar's where outcomes are right or wrong. All others are
    Student's t of the difference over its bootstrap standard error, with the degrees of freedom of Welch
    (1947): three seeds whose figures differ much prove little, however many images there are.
    Holm's method (1979) corrects for the number of pairs.
    """
    resampled = resample(list(outcomes.values()))
    places = {name: place for place, name in enumerate(outcomes)}
    chosen = list(combinations(outcomes, 2))
    measured = [
        _Difference(outcomes[one], outcomes[two], resampled, (places[one], places[two]))
        for one, two in chosen
    ]
    corrected = multipletests([each.p for each in measured], method="holm")[1].tolist()
    unproven = sum(p >= ALPHA for p in corrected)
    return [
        Pair(
            one,
            two,
            each.mean,
            each.mean - each.reach(ALPHA),
            each.mean + each.reach(ALPHA),
            each.p,
            p,
            each.find_smallest(ALPHA / (unproven + (p < ALPHA))),
            each.split,
        )
        for (one, two), each, p in zip(chosen, measured, corrected, strict=True)
    ]


class _Difference:
    """The difference of two runs, given by their outcomes and their places in `resampled`."""

    def __init__(self, first: Floats, second: Floats, resampled: Resampled, places: tuple[int, int]) -> None:
        self.mean = float(first.mean() - second.mean())
        self.split = split_answers(first[0], second[0])
        self._error = resampled.deviate(*places)
        self._freedom = _count_freedom(first, second)
        single = len(first) == len(second) == 1
        self.p = self.split.p if self.split and single else self._judge()

    def reach(self, alpha: float) -> float:
        """How far a difference of chance goes with probability `alpha`, either way."""
        return self._error * float(t.isf(alpha / 2, self._freedom))

    def find_smallest(self, alpha: float) -> float:
        """The true difference that a test at the level `alpha` finds with probability POWER.

        With few seeds the error itself is uncertain, so that the test's statistic has a noncentral t
        distribution (Johnson and Welch 1940).
        """
        needed = float(t.isf(alpha / 2, self._freedom))
        lacking = partial(_miss_power, needed, self._freedom)
        return self._error * float(brentq(lacking, 0, 4 * needed + 4))

    def _judge(self) -> float:
        if self._error == 0:
            return float(self.mean == 0)
        return float(2 * t.sf(abs(self.mean) / self._error, self._freedom))


def _miss_power(needed: float, freedom: float, shift: float) -> float:
    return float(nct.sf(needed, freedom, shift)) - POWER


def _count_freedom(first: Floats, second: Floats) -> float:
    """Degrees of freedom of the difference of two means, by the parts that make its variance (Welch 1947)."""
    gaps = first.mean(0) - second.mean(0)
    parts = [(gaps.var(ddof=1) / len(gaps), len(gaps) - 1)]
    parts += [(run.mean(1).var(ddof=1) / len(run), len(run) - 1) for run in (first, second) if len(run) > 1]
    total = sum(part for part, _ in parts)
    if total == 0:
        return len(gaps) - 1
    return float(total**2 / sum(part**2 / freedom for part, freedom in parts))
