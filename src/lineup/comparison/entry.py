"""A declared run as the comparison needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """What params.yaml declares of a run, with the names in it replaced by what they stand for.

    row: the row of the reports that it reproduces, or None; settings: its view, weights, model, augment,
    recipe (phases as a list, each with all that holds in it) and tta, nested as in params.yaml.
    """

    row: str | None
    task: str
    dataset: str
    seeds: list[int]
    settings: Mapping[str, Any]
