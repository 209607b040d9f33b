"""How far a run's mean would move with other seeds, for which each run learns from all of them.

Two or three seeds say little of their own variance, and a table has many runs: taken one by one, some look
steady by luck, and others prove nothing though they are far apart. So every variance is drawn towards what is
usual (Smyth 2004, "Linear models and empirical Bayes methods").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln
from scipy.stats import chi2

from lineup.statistics.answers import Floats

POINTS = 50  # of what a variance may be: p is within 0.1 % of what 600 give
REST = 1e-12  # the probability of variances beyond the first and last point
LARGEST = 1e4  # degrees of freedom that are as good as infinitely many


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


def spread_seeds(outcomes: Sequence[Floats]) -> list[Spread]:
    """The spread of each run, float64 [seeds, n], beyond what resampled images show; one seed has none.

    A run's variance is that of its seeds, as a multiple of what single answers make of it; the multiples of
    all runs are taken to follow a scaled inverse chi-squared distribution, fitted to them. Single answers
    are left out of the result, for they make images differ as well and would count twice.
    """
    measured = [_measure(run) for run in outcomes]
    known = [seeds for seeds in measured if seeds.single > 0]
    if not known:
        return [NONE] * len(outcomes)
    ratios = np.array([seeds.variance / seeds.single for seeds in known])
    freedoms = np.array([seeds.freedom for seeds in known], dtype=np.float64)
    scale, freedom = _fit(ratios, freedoms)
    return [
        _update(seeds, scale, freedom, freedoms.sum()) if seeds.single > 0 else NONE for seeds in measured
    ]


def _measure(run: Floats) -> _Seeds:
    seeds, images = run.shape
    if seeds == 1:
        return _Seeds(0, 0, 0)
    single = run.var(0, ddof=1).sum() / images**2
    return _Seeds(float(run.mean(1).var(ddof=1)), float(single), seeds - 1)


def _fit(ratios: Floats, freedoms: Floats) -> tuple[float, float]:
    """Scale and degrees of freedom under which `ratios`, of F distributions, are most likely."""
    if not ratios.any():
        return 0, LARGEST

    def miss(logs: Floats) -> float:
        scale, freedom = np.exp(logs)
        relative = freedoms * ratios / (scale * freedom)
        # The logarithm of the density, but for what depends on the ratios alone.
        density = (
            freedoms / 2 * np.log(freedoms / (scale * freedom))
            - betaln(freedoms / 2, freedom / 2)
            - (freedoms + freedom) / 2 * np.log1p(relative)
        )
        return -float(density.sum())

    middle = np.log(ratios.mean())
    bounds = [(middle - 20, middle + 20), (np.log(0.1), np.log(LARGEST))]
    found = [
        minimize(miss, [middle, start], method="Nelder-Mead", bounds=bounds) for start in np.log([2, 20])
    ]
    scale, freedom = np.exp(min(found, key=lambda result: float(result.fun)).x)
    return float(scale), float(freedom)


def _update(seeds: _Seeds, scale: float, freedom: float, pooled: float) -> Spread:
    """What is known of one run once the others are: its variance is scaled inverse chi-squared.

    pooled: the degrees of freedom of all runs together, than which none knows more.
    """
    total = freedom + seeds.freedom
    variance = (freedom * scale * seeds.single + seeds.freedom * seeds.variance) / total
    total = min(total, pooled)
    draws = np.geomspace(chi2.ppf(REST, total), chi2.isf(REST, total), POINTS)
    weights = chi2.pdf(draws, total) * draws  # evenly spaced in the logarithm
    # The mean of all seeds varies less than one of them.
    variances = np.maximum(variance * total / draws - seeds.single, 0) / (seeds.freedom + 1)
    return Spread(variances, weights / weights.sum())
