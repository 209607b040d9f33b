"""What is left of each of many tests once chance had a go at all of them."""

import numpy as np
from scipy.special import ndtr, ndtri
from statsmodels.stats.multitest import multipletests

from lineup.statistics.answers import Floats

LEAST = 1e-300  # a p that is as good as 0


def correct(p: Floats, chance: Floats) -> Floats:
    """Correct each p for the number of tests: float64 [tests].

    p: float64 [tests]; chance: deviates (`to_deviates`) that chance alone makes of all tests, float64
    [draws, tests].

    Westfall and Young's step-down method (1993): how often chance takes this test, or any that is not
    farther out, as far. So tests that depend on each other, as the pairs of one run do, count less than as
    many that do not. Holm's p (1979), which holds however they depend, is never less.
    """
    deviates = to_deviates(p)
    order = np.argsort(deviates)
    farthest = np.maximum.accumulate(chance[:, order], 1)
    shares = (1 + (farthest >= deviates[order]).sum(0)) / (1 + len(chance))
    corrected = np.empty_like(p)
    # None passes that is less far out than one which does not.
    corrected[order] = np.maximum.accumulate(shares[::-1])[::-1]
    bounded: Floats = np.clip(corrected, p, multipletests(p, method="holm")[1])
    return bounded


def find_levels(corrected: Floats, chance: Floats, alpha: float) -> Floats:
    """The p under which each test would come out at `alpha` beside those that do not: float64 [tests]."""
    left = corrected >= alpha
    farthest = chance[:, left].max(1, initial=0)
    deviates = np.quantile(np.maximum(farthest[:, None], chance), 1 - alpha, axis=0)
    levels: Floats = 2 * ndtr(-deviates)
    return levels


def to_deviates(p: Floats) -> Floats:
    """The normal deviates that chance exceeds, either way, with probability p: 0.0455 is 2."""
    deviates: Floats = -ndtri(np.maximum(p, LEAST) / 2)
    return deviates
