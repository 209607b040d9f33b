"""What the parameters come to for the comparison: all declared runs, and what reports say of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lineup.reports.claims import Claim


@dataclass(frozen=True)
class Entry:
    """A declared run as the comparison needs it.

    row: the row of the reports that it reproduces, or None; origin: what its training starts from in a word
    (the dataset of another run, the tag of timm's weights, a file's name), empty for random weights; earlier:
    the runs of the same images and network that it goes on from, the earliest first; settings: its view,
    weights, model, augment, recipe (phases as a list, each with all that holds in it) and tta, nested as in
    params.yaml.
    """

    row: str | None
    task: str
    dataset: str
    seeds: tuple[int, ...]
    origin: str
    earlier: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What is compared: runs that take part, runs that wait, and the views whose images are shown.

    claims: the figures that reports give, by row, of those rows that the runs are about; protocols: what
    they fix, by row: {path into a run's settings: expected value or rule}.
    """

    runs: Mapping[str, Entry]
    waiting: Mapping[str, Entry]
    views: tuple[str, ...]
    claims: Mapping[str, Sequence[Claim]]
    protocols: Mapping[str, Mapping[str, Any]]


def make_comparison(values: Mapping[str, Any]) -> Comparison:
    """The comparison of `values`, as JSON has them."""
    return Comparison(
        {name: _make_entry(entry) for name, entry in values["runs"].items()},
        {name: _make_entry(entry) for name, entry in values["waiting"].items()},
        tuple(values["views"]),
        {row: [Claim(**claim) for claim in claims] for row, claims in values["claims"].items()},
        values["protocols"],
    )


def _make_entry(values: Mapping[str, Any]) -> Entry:
    lists = {key: tuple(values[key]) for key in ("seeds", "earlier")}
    return Entry(**{**values, **lists})
