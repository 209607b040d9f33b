"""Learning curves of several runs in one list, averaged over seeds."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from lineup.comparison.results import Result
from lineup.comparison.task import Row, Task
from lineup.reports.claims import Claim
from lineup.settings.comparison import Entry


def average_curves(results: Mapping[str, Result], task: Task) -> list[Row]:
    """Learning curves of runs of one task: run, split, epoch, and the task's quantities, means over seeds.

    They end with the seed that stopped first: beyond it the mean would be one of other seeds, and jump.
    """
    return [
        {"run": run, "split": split, "epoch": epoch, **_average(result.curves, prefix, epoch, task.curves)}
        for run, result in results.items()
        for split, prefix in (("validation", "val"), ("train", "train"))
        for epoch in range(1, count_common_epochs(result.curves) + 1)
    ]


def count_common_epochs(curves: Iterable[Mapping[str, str]]) -> int:
    """How many epochs every seed has reached; they count from 1."""
    last: dict[str, int] = {}
    for row in curves:
        last[row["seed"]] = max(last.get(row["seed"], 0), int(row["epoch"]))
    return min(last.values())


def name_panel(entry: Entry, claims: Mapping[str, Sequence[Claim]]) -> str:
    """Where a run's curves are drawn, for all in one are too many: at its report's, or at its dataset's."""
    return f"report {claims[entry.row][0].report}" if entry.row else entry.dataset


def format_curves(curves: list[Row], task: Task, panels: Mapping[str, str]) -> str:
    """CSV of `average_curves`, which `dvc plots` draws: a panel each of `panels` ({run: panel}), overlaid."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("panel", "run", "split", "epoch", *task.curves), lineterminator="\n")
    writer.writeheader()
    writer.writerows({"panel": panels[row["run"]], **row} for row in curves)
    return text.getvalue()


def _average(
    curves: list[dict[str, str]], prefix: str, epoch: int, quantities: Iterable[str]
) -> dict[str, float]:
    rows = [row for row in curves if int(row["epoch"]) == epoch]
    return {
        name: round(sum(float(row[f"{prefix}_{name}"]) for row in rows) / len(rows), 6) for name in quantities
    }
