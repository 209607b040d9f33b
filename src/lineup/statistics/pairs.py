"""Every two of several runs on the same images: how far apart they are, and whether that is real."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import norm

from lineup.statistics.answers import Floats, Split, split_answers
from lineup.statistics.bootstrap import resample
from lineup.statistics.correction import correct, find_levels, to_deviates
from lineup.statistics.intervals import LEVEL
from lineup.statistics.spread import Spread, Spreads

ALPHA = 1 - LEVEL
POWER = 0.8
SEED = 1  # of what seeds add; images have another, and nothing to do with it
FARTHEST = 37  # standard errors: p is 1e-300
DISTANCES = np.append(0, np.geomspace(1e-6, 1, 80))  # at which chance is known, as parts of the farthest


@dataclass(frozen=True)
class Pair:
    """Two runs on the same images.

    difference: mean of the first less that of the second; low, high: its 95 % interval; p: how often chance
    alone makes such a difference; corrected: how often chance alone makes such a p among all pairs that are
    asked about; smallest: the smallest difference that is found real in four of five cases, at the level that
    is left for a pair that comes before all that are not real;
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


def compare_pairs(
    outcomes: Mapping[str, Floats],
    others: Sequence[Floats] = (),
    asked: Sequence[tuple[str, str]] | None = None,
) -> list[Pair]:
    """Compare every two of two or more runs {name: float64 [seeds, n]}, all on the same n images in order.

    others: outcomes of runs that only say how far seeds differ; asked: the pairs to compare, one or more, if
    not every two.

    A difference of chance is normal. Its variance has a part of the images, from their bootstrap, and a part
    of the seeds of each run that has several, which is known but roughly (lineup.statistics.spread), so that
    the tails are long. The p of two runs of one seed each is exact McNemar's where outcomes are right or
    wrong. It is corrected for the number of pairs by what chance makes of all of them together
    (lineup.statistics.correction): the same images, and the same seeds of a run in each of its pairs.
    """
    runs, places = list(outcomes.values()), {name: place for place, name in enumerate(outcomes)}
    names = list(combinations(outcomes, 2)) if asked is None else list(asked)
    resampled, known = resample(runs), Spreads([*runs, *others])
    spreads, chosen = known.of_runs(), [(places[one], places[two]) for one, two in names]
    measured = [
        _Difference(runs[one], runs[two], resampled[:, one] - resampled[:, two], (spreads[one], spreads[two]))
        for one, two in chosen
    ]
    strayed = _stray(resampled, known)
    chance = np.stack(
        [
            each.deviate(strayed[:, one] - strayed[:, two])
            for each, (one, two) in zip(measured, chosen, strict=True)
        ],
        1,
    )
    corrected = correct(np.array([each.p for each in measured]), chance)
    levels = find_levels(corrected, chance, ALPHA)
    named = zip(names, measured, corrected, levels, strict=True)
    return [each.describe(*pair, corrected=float(p), level=float(level)) for pair, each, p, level in named]


def _stray(resampled: Floats, known: Spreads) -> Floats:
    """How far chance alone takes each run's mean, the draws of all runs alike: float64 [draws, runs]."""
    draws, runs = resampled.shape
    of_images = resampled - resampled.mean(0)
    strayed: Floats = of_images + known.draw(np.random.default_rng(SEED), draws)[:, :runs]
    return strayed


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

    def describe(self, first: str, second: str, *, corrected: float, level: float) -> Pair:
        """The difference of the runs of these names; level: the p under which it would be real."""
        low, high = self.mean - self.reach(ALPHA), self.mean + self.reach(ALPHA)
        smallest = self.find_smallest(level)
        return Pair(first, second, self.mean, low, high, self.p, corrected, smallest, self.split)

    def deviate(self, differences: Floats) -> Floats:
        """The normal deviates that are as far out as `differences`, either way: 2 is p 0.0455."""
        farthest = FARTHEST * self._errors.max()
        if farthest == 0:
            return np.zeros_like(differences)
        distances = farthest * DISTANCES
        exceeded = np.array([self._exceed(float(distance)) for distance in distances])
        return np.interp(np.abs(differences), distances, to_deviates(exceeded))

    def _exceed(self, reach: float) -> float:
        """How probable it is that chance goes farther than `reach`, either way."""
        if reach == 0:
            return 1
        with np.errstate(divide="ignore"):  # without any variance nothing goes so far
            return float(2 * (self._weights * ndtr(-reach / self._errors)).sum())
