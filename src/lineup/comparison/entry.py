"""A declared run as the comparison needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """What params.yaml declares of a run, with the names in it replaced by what they stand for.

    row: the row of the reports that it reproduces, or None; origin: what its training starts from in a word
    (the dataset of another run, the tag of timm's weights, a file's name), empty for random weights; earlier:
    the runs of the same images and network that it goes on from, the earliest first; settings: its view,
    weights, model, augment, recipe (phases as a list, each with all that holds in it) and tta, nested as in
    params.yaml.
    """

    row: str | None
    task: str
    dataset: str
    seeds: list[int]
    origin: str
    earlier: Sequence[str]
    settings: Mapping[str, Any]
