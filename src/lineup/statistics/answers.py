"""Right and wrong answers of single models to the same images: exact McNemar for two, Cochran's Q for all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """How many images only the first of two models, or only the second, was right about, and p of that."""

    only_first: int
    only_second: int
    p: float


def split_answers(first: Floats, second: Floats) -> Split | None:
    """Compare two models by their outcomes, 1 or 0 for right or wrong, float64 [n]: exact McNemar (1947).

    None if an outcome is something else.
    """
    if not (_is_binary(first) and _is_binary(second)):
        return None
    one, two = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
    return Split(one, two, float(mcnemar([[0, one], [two, 0]], exact=True).pvalue))


def compare_all(models: Sequence[Floats]) -> float | None:
    """Give the p of all models being right equally often, by their outcomes: Cochran's Q (1950).

    None if an outcome is something else, or all models are right about the same images.
    """
    outcomes = np.stack(models, 1)
    if not _is_binary(outcomes) or (outcomes == outcomes[:, :1]).all():
        return None
    return float(cochrans_q(outcomes).pvalue)


def _is_binary(outcomes: Floats) -> bool:
    return bool(np.isin(outcomes, (0, 1)).all())
