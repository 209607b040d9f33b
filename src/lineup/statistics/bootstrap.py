"""Paired bootstrap over images: how far the means of runs would move with other test images.

An outcome is what one trained model made of one image: 1 or 0 for right or wrong, or an error.
"""

from collections.abc import Sequence

import numpy as np

from lineup.statistics.answers import Floats

RESAMPLES = 4000
CHUNK = 100  # resamples at a time; bounds the memory of their counts
SEED = 0


def resample(outcomes: Sequence[Floats]) -> Floats:
    """Means of runs, each float64 [seeds, n] on the same n images, in each resample: [RESAMPLES, runs].

    Images are drawn with replacement and for all runs together, so that differences are paired (Efron and
    Tibshirani 1993); always the same draws.
    """
    generator = np.random.default_rng(SEED)
    means = np.stack([run.mean(0) for run in outcomes], 1)
    parts = [_count_images(generator, len(means)) @ means / len(means) for _ in range(RESAMPLES // CHUNK)]
    return np.concatenate(parts)


def _count_images(generator: np.random.Generator, number: int) -> Floats:
    """How often each image is in each of CHUNK resamples: float64 [CHUNK, number]."""
    drawn = generator.integers(number, size=(CHUNK, number)) + number * np.arange(CHUNK)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=CHUNK * number)
    return counts.reshape(CHUNK, number).astype(np.float64)
