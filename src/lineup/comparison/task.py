"""What the comparison must know of a task; classification.py and reconstruction.py fill it in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from lineup.comparison.metrics import format_count, format_digits, format_metric, is_share, is_smaller_better

Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column for people: its heading, the key of a row that it is sorted by, and what it says of a row."""

    head: str
    key: str
    text: Callable[[Row], str]


@dataclass(frozen=True)
class Task:
    """What is measured in the runs of a task, and how it is shown.

    headline: the quantity that runs are chosen by on validation (val_…) and compared by on test (test_…);
    metrics: the means in metrics/detail that the table takes beside those of every task; curves: the
    quantities of plots/curves (train_…, val_…) and the titles of their axes; brief: the columns for a
    README or a terminal, more: those that a README folds away, full: those of the report, seeds: those of a
    single seed; score: the headline on test, with its interval where there is one; draw: pictures of all
    measured runs; front: the runs that no other matches in cost and beats, cheapest first, None where cost is
    not looked at; note: what the columns of `brief` are; matrix: what the confusion matrix is of.
    """

    name: str
    title: str
    headline: str
    metrics: tuple[str, ...]
    curves: Mapping[str, str]
    brief: tuple[Column, ...]
    more: tuple[Column, ...]
    full: tuple[Column, ...]
    seeds: tuple[Column, ...]
    score: Callable[[Row], str]
    draw: tuple[Callable[[Sequence[Row]], Figure], ...]
    front: Callable[[Sequence[Row]], list[Row]] | None
    note: str
    matrix: str

    def order(self, run: str, figures: Mapping[str, Any]) -> tuple[float, str]:
        """The key that sorts measured runs of this task by their figures, the best on validation first."""
        value: float = figures[f"val_{self.headline}"]
        return (value if is_smaller_better(self.headline) else -value, run)


def choose_columns(columns: Iterable[Column], rows: Sequence[Row]) -> list[Column]:
    """Those of `columns` that have something to say of a row."""
    return [column for column in columns if any(column.text(row) for row in rows)]


def figure(head: str, key: str) -> Column:
    """A column with a figure of as many digits as its metric needs."""
    return Column(head, key, lambda row: format_metric(key, row[key]))


def count(head: str, key: str) -> Column:
    """A column with a count and its unit."""
    return Column(head, key, lambda row: format_count(row[key]))


def digits(head: str, key: str) -> Column:
    """A column with a number of three digits, or all of those before the point."""
    return Column(head, key, lambda row: format_digits(row[key]))


def text(head: str, key: str) -> Column:
    """A column with a text."""
    return Column(head, key, lambda row: str(row[key]))


def without_duplicates(head: str, metric: str) -> Column:
    """A column with `metric` on the test images that train does not have, where there are any."""
    key = "test_unique"
    return Column(head, key, lambda row: "" if row[key] is None else format_metric(metric, row[key]))


def spread(head: str, key: str) -> Column:
    """A column with a standard deviation over seeds, where there are several, and their number."""
    return Column(head, key, lambda row: f"{_deviation(key, row)}({row['seeds']})")


def interval(head: str, key: str, metric: str) -> Column:
    """A column with an interval of `metric`, from `<key>_low` to `<key>_high`, where there is one."""
    return Column(head, f"{key}_low", lambda row: _range(metric, row[f"{key}_low"], row[f"{key}_high"]))


def _range(metric: str, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    if is_share(metric):
        # Student's t of two seeds does not know that no share is above 1.
        low, high = max(low, 0.0), min(high, 1.0)
    return f"{format_metric(metric, low)} to {format_metric(metric, high)}"


def _deviation(key: str, row: Row) -> str:
    return "" if row[key] is None else f"{row[key]:.2g} "


RANK = text("Rank", "rank")
NAME = (text("Run", "run"), text("From", "origin"), text("Row", "row"))
COST = (
    count("Param.", "parameters"),
    count("MACs", "macs"),
    digits("s/epoch", "seconds_per_epoch"),
    digits("ms", "latency_ms"),
    text("Machine", "machine"),
)
FULL_COST = (
    count("parameters", "parameters"),
    count("trainable", "trainable_parameters"),
    count("MACs", "macs"),
    digits("epochs", "epochs"),
    digits("s/epoch", "seconds_per_epoch"),
    count("images/s", "images_per_second"),
    digits("ms/image", "latency_ms"),
    text("machine", "machine"),
    text("precision", "precision"),
)
