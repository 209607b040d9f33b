"""Test images that train has as well: what runs are worth without them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lineup.comparison.results import Result
from lineup.errors import LineupError
from lineup.settings.comparison import Entry

FILE = "metrics/duplicates/{}.json"
DIGITS = 8


@dataclass(frozen=True)
class Shared:
    """Test images of a dataset by their places: in train with the same pixels, and nearly.

    near is None where that is not asked, since images are too small to tell; images: how many there are in
    all; ids: the digest of their ids in order.
    """

    images: int
    ids: str
    exact: list[int]
    near: list[int] | None


def read_shared(dataset: str) -> Shared:
    """Read what stages/duplicates.py wrote of `dataset`. Raises LineupError if it is missing or damaged."""
    path = Path(FILE.format(dataset))
    try:
        return Shared(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        fix = f"run `dvc repro duplicates@{dataset}`"
        raise LineupError(str(path), f"not readable ({error})", "duplicates of a dataset", fix) from error


def score_unique(
    runs: Mapping[str, Entry], results: Mapping[str, Result], shared: Mapping[str, Shared]
) -> dict[str, float | None]:
    """The headline of each run on the test images of its dataset that train does not have, if there are any.

    Raises LineupError if a run was tested on other images than `shared` {dataset: …} is about.
    """
    return {
        run: _score(run, results[run], entry.dataset, shared[entry.dataset]) for run, entry in runs.items()
    }


def _score(run: str, result: Result, dataset: str, shared: Shared) -> float | None:
    if result.outcomes.ids != shared.ids:
        raise LineupError(
            FILE.format(dataset),
            f"other test images than those of {run} ({shared.ids})",
            result.outcomes.ids,
            "run `dvc repro`",
        )
    unique = np.ones(shared.images, dtype=bool)
    unique[shared.exact + (shared.near or [])] = False
    # Nearly, that may be: X-rays of one kind are all alike to so coarse a look.
    return round(float(result.outcomes.values[:, unique].mean()), DIGITS) if unique.any() else None
