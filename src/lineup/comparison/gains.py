"""What initial weights gained: each run that starts from some, beside its twin from random weights."""

from collections.abc import Mapping, Sequence
from typing import Any

from lineup.comparison import significance
from lineup.comparison.metrics import format_differences, format_metric
from lineup.comparison.results import Result
from lineup.comparison.table import Group
from lineup.comparison.task import Column, Row, Task, digits, text
from lineup.settings.comparison import Entry

# The rows of `list_gains` by task and dataset.
Gains = Mapping[tuple[str, str], Sequence[Row]]

COLUMNS = (
    *("task", "dataset", "run", "origin", "epochs", "seconds", "test"),
    *("twin", "twin_epochs", "twin_seconds", "twin_test"),
    *("difference", "low", "high", "p", "p_corrected", "better"),
)
COST = ("epochs", "seconds")
TITLE = "Gain over random weights"
HEADING = f"#### {TITLE}"
NOTE = (
    "The twin of a run has the same images, augmentation and network, and starts from random weights; where "
    "there are several, it is the one with as many epochs, or else the one nearest in seconds. Recipes may "
    "differ. Epochs and seconds are of training a seed, of one that goes on from another run both, without "
    "what the first weights took. The interval is of this pair alone; p, and what is really better, are "
    "corrected for all pairs of this table, which asks a question of its own."
)


def list_columns(task: Task) -> list[Column]:
    """The columns of the table of gains."""
    headline = task.headline
    return [
        text("Run", "run"),
        text("From", "origin"),
        *_show_one(headline, ""),
        text("Twin", "twin"),
        *_show_one(headline, "twin_"),
        Column("Difference", "difference", lambda row: format_differences(headline, row["difference"])),
        Column("95 %", "low", lambda row: format_differences(headline, row["low"], row["high"])),
        text("p corrected", "p_corrected"),
        text("Really better", "better"),
    ]


def list_gains(group: Group, entries: Mapping[str, Entry], results: Mapping[str, Result]) -> list[Row]:
    """One dict a run of `group` that starts from weights and has a twin, the best on validation first.

    Each has the keys COLUMNS; a difference is the run's figure on test less its twin's. All runs of the
    group say how far seeds differ. p is corrected for these pairs alone: they are few, and which they are
    does not depend on how well any run does.
    """
    headline = group.task.headline
    rows = _add_up({row["run"]: row for row in group.rows}, entries)
    found = {run: _find_twin(run, rows, entries) for run in rows if entries[run].origin}
    twins = {run: twin for run, twin in found.items() if twin}
    if not twins:
        return []
    outcomes = {run: results[run].outcomes.values for run in rows}
    return [
        {"task": group.task.name, "dataset": group.dataset, "origin": entries[pair.first].origin}
        | _describe_one(headline, "", "run", rows[pair.first])
        | _describe_one(headline, "twin_", "twin", rows[pair.second])
        | significance.describe_difference(headline, pair)
        for pair in significance.compare(headline, outcomes, list(twins.items()))
    ]


def _show_one(headline: str, prefix: str) -> tuple[Column, ...]:
    """The columns of a run and of its twin alike."""
    seconds, test = f"{prefix}seconds", f"{prefix}test"
    return (
        digits("Epochs", f"{prefix}epochs"),
        Column("Seconds", seconds, lambda row: f"{row[seconds]:,.0f}"),
        Column("Test", test, lambda row: format_metric(headline, row[test])),
    )


def _describe_one(headline: str, prefix: str, name: str, row: Row) -> Row:
    """What is said of a run and of its twin alike."""
    cost = {f"{prefix}{key}": row[key] for key in COST}
    return {name: row["run"], **cost, f"{prefix}test": row[f"test_{headline}"]}


def _add_up(rows: Mapping[str, Row], entries: Mapping[str, Entry]) -> dict[str, Row]:
    """The rows with what a run costs together with those that it goes on from."""
    parts = {run: [rows[each] for each in (*entries[run].earlier, run)] for run in rows}
    return {
        run: {**row, **{key: sum(part[key] for part in parts[run]) for key in COST}}
        for run, row in rows.items()
    }


def _find_twin(run: str, rows: Mapping[str, Row], entries: Mapping[str, Entry]) -> str | None:
    """The run from random weights that differs in nothing but weights and recipe, and is nearest in cost."""

    def measure_distance(other: str) -> tuple[bool, float]:
        mine, its = rows[run], rows[other]
        return mine["epochs"] != its["epochs"], abs(mine["seconds"] - its["seconds"])

    alike = [
        other
        for other in rows
        if not entries[other].origin and _match(entries[run]) == _match(entries[other])
    ]
    return min(alike, key=measure_distance, default=None)


def _match(entry: Entry) -> dict[str, Any]:
    """What twins share. How images are normalised is not part of it: weights prescribe it."""
    kept = {key: entry.settings[key] for key in ("model", "augment", "tta")}
    view = {key: value for key, value in entry.settings["view"].items() if key != "normalize"}
    return {**kept, "view": view}
