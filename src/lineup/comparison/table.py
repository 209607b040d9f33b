"""The table of all runs: measured ones task by task, best on validation first, then what has not been run."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lineup.comparison.confusions import describe_worst
from lineup.comparison.results import Result
from lineup.comparison.task import Row, Task
from lineup.comparison.tasks import TASKS
from lineup.environment import name_machine
from lineup.reports.claims import Claim
from lineup.reports.protocols import judge_protocol
from lineup.settings.comparison import Comparison, Entry

MEASURED, NOT_RUN = "measured", "not run yet"

COST = ("parameters", "trainable_parameters", "macs")
# How often the network sees an image for one answer; metrics/detail has the MACs of once.
PASSES = {"none": 1, "flip": 2}
TRAINING = ("epochs", "seconds_per_epoch", "images_per_second")
# The order is older than the second task, and other people's scripts may count on it.
FIRST_COLUMNS = (
    *("run", "row", "status", "claimed_metric", "claimed"),
    *("val_accuracy", "test_accuracy", "test_low", "test_high", "test_loss", "macro_f1"),
    *COST,
    *TRAINING,
    *("latency_ms", "device"),
    *("difference", "val_sd", "test_sd", "seeds", "precision", "batch_images_per_second"),
)
METRICS = (key for task in TASKS.values() for key in task.metrics)
# Of several seeds alone.
SEEDS_INTERVAL = ("test_seeds_low", "test_seeds_high")
LAST_COLUMNS = (
    "task",
    "protocol",
    "dataset",
    "alarm",
    "rank",
    *SEEDS_INTERVAL,
    "test_unique",
    "origin",
    "confused",
    "seconds",
    "machine",
)
COLUMNS = tuple(dict.fromkeys((*FIRST_COLUMNS, *METRICS, *LAST_COLUMNS)))


def build_table(
    comparison: Comparison,
    results: Mapping[str, Result],
    ranks: Mapping[str, int],
    unique: Mapping[str, float | None],
) -> list[Row]:
    """One dict a run with the keys COLUMNS, None where there is nothing to say.

    ranks: of each measured run; unique: its headline on the test images that train does not have.

    Measured runs come first, task by task in the order of TASKS; then waiting runs, then rows of the
    reports that no run declares.
    """
    runs, waiting, claims = comparison.runs, comparison.waiting, comparison.claims
    declared = {**runs, **waiting}
    rows = {name: _declare(name, entry, comparison) for name, entry in declared.items()}
    for name in runs:
        rows[name] |= {
            **_measure(rows[name], results[name], PASSES[runs[name].settings["tta"]]),
            "rank": ranks[name],
            "test_unique": unique[name],
        }
    measured = [row for task in TASKS for row in select_measured(list(rows.values()), task)]
    stood_for = {entry.row for entry in declared.values()}
    missing = [_describe_row(row, claims) for row in claims if row not in stood_for]
    return [*measured, *(rows[name] for name in waiting), *missing]


def select_measured(table: Sequence[Row], task: str) -> list[Row]:
    """The measured runs of a task, best on validation first."""
    rows = [row for row in table if (row["status"], row["task"]) == (MEASURED, task)]
    return sorted(rows, key=lambda row: TASKS[task].order(row["run"], row))


@dataclass(frozen=True)
class Group:
    """Measured runs that can be compared: of one task on one dataset, the best on validation first."""

    task: Task
    dataset: str
    title: str
    rows: list[Row]


def group_measured(table: Sequence[Row]) -> list[Group]:
    """The measured runs by task and dataset, the dataset with most runs first; others are named in titles."""
    groups = []
    for name, task in TASKS.items():
        rows = select_measured(table, name)
        counts = Counter(row["dataset"] for row in rows)
        for dataset, _ in counts.most_common():
            title = f"{task.title}: {dataset}" if len(counts) > 1 else task.title
            groups.append(Group(task, dataset, title, [row for row in rows if row["dataset"] == dataset]))
    return groups


def find_measured(metric: str, result: Result) -> float | None:
    """Our figure for a claim's metric, None where a run has none of that name."""
    figures = {**result.metrics, "latency_ms": result.latency["latency_ms"]}
    return figures.get(metric)


def format_csv(table: Iterable[Row], columns: Sequence[str] = COLUMNS) -> str:
    """CSV with a header line; empty where there is nothing to say."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def format_json(table: Iterable[Row]) -> str:
    """A JSON list of objects with the same keys as the CSV; null where there is nothing to say."""
    return json.dumps(list(table), indent=2, allow_nan=False) + "\n"


def _describe_row(row: str, claims: Mapping[str, Sequence[Claim]]) -> Row:
    """What the table says of a row of the reports alone: its first claim."""
    first = {"claimed_metric": claims[row][0].metric, "claimed": claims[row][0].claimed}
    return {**dict.fromkeys(COLUMNS), "run": "", "row": row, "status": NOT_RUN, **first}


def _declare(name: str, entry: Entry, comparison: Comparison) -> Row:
    row = _describe_row(entry.row, comparison.claims) if entry.row else dict.fromkeys(COLUMNS)
    row |= {"run": name, "row": entry.row or "", "status": NOT_RUN, "task": entry.task}
    row |= {"dataset": entry.dataset, "origin": entry.origin}
    if entry.row:
        row["protocol"] = judge_protocol(comparison.protocols[entry.row], entry.settings)
    return row


def _measure(row: Row, result: Result, passes: int) -> Row:
    task = TASKS[row["task"]]
    measured: Row = {"status": MEASURED, **{key: result.metrics[key] for key in (*task.metrics, *COST)}}
    measured["macs"] *= passes
    measured |= {key: result.training[key] for key in (*TRAINING, "seconds", "device", "precision")}
    measured |= {key: result.latency[key] for key in ("latency_ms", "batch_images_per_second")}
    measured["machine"] = name_machine(result.latency["environment"])
    measured |= {key: result.metrics.get(key) for key in SEEDS_INTERVAL}
    measured |= {f"{split}_sd": result.detail["sd"][f"{split}_{task.headline}"] for split in ("val", "test")}
    measured["seeds"] = len(result.detail["seeds"])
    measured["confused"] = describe_worst(result.confusion)
    alarms = result.detail["alarms"]
    measured["alarm"] = "; ".join(f"seed {seed}: {alarm}" for seed, alarm in alarms.items())
    found = find_measured(row["claimed_metric"], result)
    if found is not None and row["claimed"] is not None:
        measured["difference"] = round(found - row["claimed"], 6)
    return measured
