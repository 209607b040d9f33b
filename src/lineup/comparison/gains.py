"""What initial weights gained: each run that starts from some, beside its twin from random weights."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lineup.comparison.entry import Entry
from lineup.comparison.figures import format_differences
from lineup.comparison.table import Group
from lineup.comparison.task import Column, Row, Task, digits, figure, text

# The rows of `list_gains` by task and dataset.
Gains = Mapping[tuple[str, str], Sequence[Row]]

TITLE = "Gain over random weights"
HEADING = f"#### {TITLE}"
NOTE = (
    "The twin of a run has the same images, augmentation and network, and starts from random weights; where "
    "there are several, it is the one with as many epochs, or else the one nearest in seconds. Recipes may "
    "differ. Seconds are of training a seed, without what the first weights took. The interval is of this "
    "pair alone; p, and what is really better, are corrected for all pairs."
)


def list_columns(task: Task) -> list[Column]:
    """The columns of the table of gains."""
    headline = task.headline
    return [
        text("Run", "run"),
        text("From", "origin"),
        *_describe_one(headline, ""),
        text("Twin", "twin"),
        *_describe_one(headline, "twin_"),
        Column("Difference", "difference", lambda row: format_differences(headline, row["difference"])),
        Column("95 %", "low", lambda row: format_differences(headline, row["low"], row["high"])),
        text("p corrected", "p_corrected"),
        text("Really better", "better"),
    ]


def list_gains(group: Group, entries: Mapping[str, Entry], tested: Iterable[Row]) -> list[Row]:
    """One dict a run of `group` that starts from weights and has a twin, the best on validation first.

    tested: every two runs, as `significance.list_pairs` describes them.

    Each has the keys that `list_columns` names; a difference is the run's figure on test less its twin's.
    """
    rows = {row["run"]: row for row in group.rows}
    pairs = {frozenset((pair["run"], pair["other"])): pair for pair in tested}
    twins = {run: _find_twin(run, rows, entries) for run in rows if entries[run].origin}
    return [
        {**rows[run], **{f"twin_{key}": value for key, value in rows[twin].items()}, "twin": twin}
        | _turn(pairs[frozenset((run, twin))], run)
        for run, twin in twins.items()
        if twin
    ]


def _describe_one(headline: str, prefix: str) -> tuple[Column, ...]:
    """What is said of a run and of its twin alike."""
    seconds = f"{prefix}seconds"
    return (
        digits("Epochs", f"{prefix}epochs"),
        Column("Seconds", seconds, lambda row: f"{row[seconds]:,.0f}"),
        figure("Test", f"{prefix}test_{headline}"),
    )


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


def _turn(pair: Row, run: str) -> Row:
    """A pair as seen from `run`, whichever of the two stands first."""
    sides = {key: pair[key] for key in ("difference", "low", "high")}
    if pair["run"] != run:
        # Taken from 0, for the negative of no difference would be written as -0.00.
        sides = {"difference": 0 - pair["difference"], "low": 0 - pair["high"], "high": 0 - pair["low"]}
    return {**sides, "p_corrected": pair["p_corrected"], "better": pair["better"]}
