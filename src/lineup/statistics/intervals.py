"""Intervals of one run: of an accuracy over images, of a mean over seeds."""

import statistics
from collections.abc import Sequence

from scipy.stats import binomtest, t

LEVEL = 0.95


def wilson_interval(accuracy: float, count: int) -> tuple[float, float]:
    """95 % interval of an accuracy seen on `count` images (Wilson 1927, by scipy.stats.binomtest).

    A mean over seeds is taken as that many right answers of one model, rounded: the images are the same
    ones for every seed, so the seeds do not make the sample larger.
    """
    interval = binomtest(round(accuracy * count), count).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def seeds_interval(figures: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean of two or more seeds' figures (Student's t, by scipy.stats.t).

    It says where the mean of many more trainings would lie, on the same images.
    """
    count = len(figures)
    half = float(t.ppf((1 + LEVEL) / 2, count - 1)) * statistics.stdev(figures) / count**0.5
    mean = statistics.fmean(figures)
    return mean - half, mean + half
