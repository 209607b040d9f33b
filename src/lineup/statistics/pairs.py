"""Every two of several runs on the same images: how far apart they are, and whether that is real."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from lineup.statistics.answers import Floats, Split, split_answers
from lineup.statistics.bootstrap import resample
from lineup.statistics.intervals import LEVEL
from lineup.statistics.spread import Spread, spread_seeds

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


def compare_pairs(outcomes: Mapping[str, Floats], others: Sequence[Floats] = ()) -> list[Pair]:
    """Compare every two of two or more runs {name: float64 [seeds, n]}, all on the same n images in order.

    others: outcomes of runs that only say how far seeds differ.

    A difference of chance is normal. Its variance has a part of the images, from their bootstrap, and a part
    of the seeds of each run that has several, which is known but roughly (lineup.statistics.spread), so that
    the tails are long. The p of two runs of one seed each is exact McNemar's where outcomes are right or
    wrong. Holm's method (1979) corrects for the number of pairs.
    """
    resampled, spreads = resample(list(outcomes.values())), spread_seeds([*outcomes.values(), *others])
    places = {name: place for place, name in enumerate(outcomes)}
    chosen = list(combinations(outcomes, 2))
    measured = [
        _Difference(
            outcomes[one],
            outcomes[two],
            resampled[:, places[one]] - resampled[:, places[two]],
            (spreads[places[one]], spreads[places[two]]),
        )
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
    """The difference of two runs: outcomes, resampled differences of their means, what their seeds add."""

    def __init__(
        self, first: Floats, second: Floats, resampled: Floats, spreads: tuple[Spread, Spread]
    ) -> None:
        self.mean = float(first.mean() - second.mean())
        self.split = split_answers(first[0], second[0])
        one, two = spreads
        variances = resampled.var(ddof=1) + one.variances[:, None] + two.variances
        self._errors = np.sqrt(variances)
        self._weights = one.weights[:, None] * two.weights
        single = len(first) == len(second) == 1
        self.p = self.split.p if self.split and single else self._exceed(abs(self.mean))

    def reach(self, alpha: float) -> float:
        """How far a difference of chance goes with probability `alpha`, either way."""
        farthest = 1.01 * float(self._errors.max() * norm.isf(alpha / 2))
        if farthest == 0:
            return 0
        return float(brentq(lambda reach: self._exceed(reach) - alpha, 0, farthest))

    def find_smallest(self, alpha: float) -> float:
        """The true difference that a test at the level `alpha` finds with probability POWER."""
        return self.reach(alpha) + self.reach(2 * (1 - POWER))

    def _exceed(self, reach: float) -> float:
        """How probable it is that chance goes farther than `reach`, either way."""
        if reach == 0:
            return 1
        with np.errstate(divide="ignore"):  # without any variance nothing goes so far
            return float(2 * (self._weights * ndtr(-reach / self._errors)).sum())
