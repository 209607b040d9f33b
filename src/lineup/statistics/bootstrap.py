"""Paired bootstrap over images and seeds: how far the mean of a run would move with others of both.

An outcome is what one trained model made of one image: 1 or 0 for right or wrong, or an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lineup.statistics.answers import Floats

RESAMPLES = 4000
CHUNK = 100  # resamples at a time; bounds the memory of their counts
SEED = 0


@dataclass(frozen=True)
class Resampled:
    """Means of every run in each resample, less nothing: images and seeds, float64 [RESAMPLES, runs].

    images: means with other images, the same ones for all runs; seeds: what other seeds would add.
    """

    images: Floats
    seeds: Floats

    def deviate(self, first: int, second: int) -> float:
        """Standard error of the difference between the means of two runs, given by their places."""
        means = self.images + self.seeds
        return float(np.std(means[:, first] - means[:, second], ddof=1))


def resample(outcomes: Sequence[Floats]) -> Resampled:
    """Resample runs, each float64 [seeds, n] on the same n images, with replacement; always the same draws.

    Images are drawn for all runs together, so that differences are paired (Efron and Tibshirani 1993). Of k
    seeds k - 1 are drawn, each run's for itself: so few drawn k at a time would seem to spread less than they
    do (Rao and Wu 1988). One seed says nothing of others, and adds nothing. The two sources are added, not
    crossed: in a crossed resample chance in single answers counts three times (Owen 2007). Added, it still
    counts twice where there are several seeds, so that their intervals are rather too wide.
    """
    generator = np.random.default_rng(SEED)
    means = np.stack([run.mean(0) for run in outcomes], 1)
    parts = [_count_images(generator, len(means)) @ means / len(means) for _ in range(RESAMPLES // CHUNK)]
    seeds = np.stack([_draw_seeds(generator, run.mean(1)) for run in outcomes], 1)
    return Resampled(np.concatenate(parts), seeds)


def _count_images(generator: np.random.Generator, number: int) -> Floats:
    """How often each image is in each of CHUNK resamples: float64 [CHUNK, number]."""
    drawn = generator.integers(number, size=(CHUNK, number)) + number * np.arange(CHUNK)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=CHUNK * number)
    return counts.reshape(CHUNK, number).astype(np.float64)


def _draw_seeds(generator: np.random.Generator, means: Floats) -> Floats:
    """What resampled seeds, given by their means, add to the mean of a run: float64 [RESAMPLES]."""
    number = len(means)
    if number == 1:
        return np.zeros(RESAMPLES)
    counts = generator.multinomial(number - 1, np.full(number, 1 / number), size=RESAMPLES)
    added: Floats = counts @ (means - means.mean()) / (number - 1)
    return added
