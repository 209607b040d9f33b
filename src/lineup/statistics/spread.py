"""How far a run's mean would move with other seeds, for which each run learns from all of them.

Two or three seeds say little of their own variance, and a table has many runs: taken one by one, some look
steady by luck, and others prove nothing though they are far apart. So every variance is drawn towards what is
usual (Smyth 2004, "Linear models and empirical Bayes methods"); what is usual is known but roughly too, and
is averaged over (Lindley 1971, "The estimation of many parameters").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineup.statistics.answers import Floats

POINTS = 80  # of what a multiple may be, evenly in its logarithm
LEAST = 0.1  # the smallest multiple; below 1 seeds add nothing
BEYOND = 100  # the largest, in multiples of what it is where all images move together
FREEDOMS = np.geomspace(0.5, 100, 12)  # from runs that have nothing in common to runs that are alike
FAINT = 1e-12  # a probability that makes no difference


@dataclass(frozen=True)
class Spread:
    """What the variance of a run's mean may be on account of its seeds, and how probable that is.

    variances, weights: float64 [points]; weights add up to 1.
    """

    variances: Floats
    weights: Floats


@dataclass(frozen=True)
class _Seeds:
    """The seeds of one run: the variance of their means, and the part of it that single answers make.

    single: what the variance would be if each image were answered by itself; freedom: of both, seeds - 1.
    """

    variance: float
    single: float
    freedom: int


NONE = Spread(np.zeros(1), np.ones(1))


class Spreads:
    """The spreads of runs, beyond what resampled images show: one for each, and all of them together.

    A run's variance is that of its seeds, as a multiple of what single answers make of it; the multiples of
    all runs are taken to follow a scaled inverse chi-squared distribution, of which any scale and any of
    FREEDOMS is as likely as another until the runs are seen. Single answers are left out of the result, for
    they make images differ as well and would count twice. A run of one seed has none.
    """

    def __init__(self, outcomes: Sequence[Floats]) -> None:
        """outcomes: of each run, float64 [seeds, n], all on the same n images."""
        self._runs = [_measure(run) for run in outcomes]
        self._multiples = np.geomspace(LEAST, BEYOND * outcomes[0].shape[1], POINTS)
        self._usual = _list_usual(self._multiples)
        self._likelihoods = [_weigh(run, self._multiples) for run in self._runs]
        logs = sum((np.log(self._usual @ each) for each in self._likelihoods), np.zeros(len(self._usual)))
        self._weights = _normalize(np.exp(logs - logs.max()))

    def of_runs(self) -> list[Spread]:
        """The spread of each run by itself."""
        return [self._know(run, each) for run, each in zip(self._runs, self._likelihoods, strict=True)]

    def draw(self, generator: np.random.Generator, number: int) -> Floats:
        """How far the means of all runs may stray together: float64 [number, runs]."""
        usual = self._usual[generator.choice(len(self._usual), number, p=self._weights)]
        strayed = np.zeros((number, len(self._runs)))
        for place, (run, likelihood) in enumerate(zip(self._runs, self._likelihoods, strict=True)):
            if run.single == 0:
                continue
            reached = np.cumsum(usual * likelihood, 1)
            drawn = (reached < generator.random((number, 1)) * reached[:, -1:]).sum(1)
            strayed[:, place] = generator.normal(0, np.sqrt(self._add(run)[drawn]))
        return strayed

    def _know(self, run: _Seeds, likelihood: Floats) -> Spread:
        if run.single == 0:
            return NONE
        # Of each scale and freedom, then over all of them.
        given = self._usual * likelihood
        weights = (self._weights / given.sum(1)) @ given
        known = weights > FAINT
        return Spread(self._add(run)[known], _normalize(weights[known]))

    def _add(self, run: _Seeds) -> Floats:
        """What seeds add to the variance of the mean of all, which varies less than one: [POINTS]."""
        added: Floats = np.maximum(self._multiples - 1, 0) * run.single / (run.freedom + 1)
        return added


def _measure(run: Floats) -> _Seeds:
    seeds, images = run.shape
    if seeds == 1:
        return _Seeds(0, 0, 0)
    single = run.var(0, ddof=1).sum() / images**2
    return _Seeds(float(run.mean(1).var(ddof=1)), float(single), seeds - 1)


def _list_usual(multiples: Floats) -> Floats:
    """How probable each multiple is of each scale and freedom: float64 [scales x freedoms, multiples]."""
    scales, freedoms = (each.reshape(-1, 1) for each in np.meshgrid(multiples, FREEDOMS))
    logs = -freedoms / 2 * (np.log(multiples / scales) + scales / multiples)
    weights = np.exp(logs - logs.max(1, keepdims=True))
    # Nothing is impossible: what cannot be divided by would be no number.
    usual: Floats = np.maximum(weights / weights.sum(1, keepdims=True), np.finfo(np.float64).tiny)
    return usual


def _weigh(run: _Seeds, multiples: Floats) -> Floats:
    """How likely each multiple makes seeds that vary as those of `run` do: float64 [multiples]."""
    if run.single == 0:
        return np.ones_like(multiples)
    logs = -run.freedom / 2 * (np.log(multiples) + run.variance / run.single / multiples)
    likelihood: Floats = np.exp(logs - logs.max())
    return likelihood


def _normalize(weights: Floats) -> Floats:
    return weights / float(weights.sum())
