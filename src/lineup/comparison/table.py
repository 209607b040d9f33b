"""The table of all runs: measured ones by validation accuracy, then what has not been run yet."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from lineup.claims import Claim, refuse_unknown_rows
from lineup.comparison.results import Result

MEASURED, NOT_RUN = "measured", "not run yet"

METRICS = (
    *("val_accuracy", "test_accuracy", "test_low", "test_high", "test_loss", "macro_f1"),
    *("parameters", "trainable_parameters", "macs"),
)
TRAINING = ("epochs", "seconds_per_epoch", "images_per_second")
MORE_METRICS = ("train_accuracy", "gap", "val_loss", "macro_precision", "macro_recall")
COLUMNS = (
    *("run", "row", "status", "claimed_metric", "claimed"),
    *METRICS,
    *TRAINING,
    *("latency_ms", "device"),
    *("difference", "val_sd", "test_sd", "seeds", "precision", "batch_images_per_second"),
    *MORE_METRICS,
)

Row = dict[str, Any]


def build_table(
    runs: Mapping[str, str | None],
    waiting: Mapping[str, str | None],
    results: Mapping[str, Result],
    claims: Mapping[str, list[Claim]],
) -> list[Row]:
    """One dict a run with the keys COLUMNS, None where there is nothing to say.

    runs, waiting: {name: row of a report, or None}. Measured runs come first, best validation accuracy
    first; then waiting runs, then rows of the reports that no run declares. Raises LineupError for a row
    that no report has.
    """
    declared = {**runs, **waiting}
    refuse_unknown_rows(declared, claims)
    measured = [_measure(name, row, results[name], claims) for name, row in runs.items()]
    measured.sort(key=lambda row: (-row["val_accuracy"], row["run"]))
    missing = [*waiting.items(), *(("", row) for row in claims if row not in declared.values())]
    return [*measured, *({**_declare(name, row, claims), "status": NOT_RUN} for name, row in missing)]


def find_measured(metric: str, result: Result) -> float | None:
    """Our figure for a claim's metric, None where a run has none of that name."""
    figures = {**result.metrics, "latency_ms": result.latency["latency_ms"]}
    return figures.get(metric)


def format_csv(table: Iterable[Row]) -> str:
    """CSV with a header line; empty where there is nothing to say."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def format_json(table: Iterable[Row]) -> str:
    """A JSON list of objects with the same keys as the CSV; null where there is nothing to say."""
    return json.dumps(list(table), indent=2, allow_nan=False) + "\n"


def average_curves(results: Mapping[str, Result]) -> list[Row]:
    """Learning curves of all runs in one list: run, split, epoch, accuracy and loss, means over seeds."""
    return [
        {"run": run, "split": split, "epoch": epoch, **_average(result.curves, prefix, epoch)}
        for run, result in results.items()
        for split, prefix in (("validation", "val"), ("train", "train"))
        for epoch in sorted({int(row["epoch"]) for row in result.curves})
    ]


def format_curves(curves: list[Row]) -> str:
    """CSV of `average_curves`, which `dvc plots` draws overlaid."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("run", "split", "epoch", "accuracy", "loss"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(curves)
    return text.getvalue()


def _declare(name: str, row: str | None, claims: Mapping[str, list[Claim]]) -> Row:
    entry: Row = {**dict.fromkeys(COLUMNS), "run": name, "row": row or ""}
    if row is not None:
        entry |= {"claimed_metric": claims[row][0].metric, "claimed": claims[row][0].claimed}
    return entry


def _measure(name: str, row: str | None, result: Result, claims: Mapping[str, list[Claim]]) -> Row:
    entry = _declare(name, row, claims)
    entry |= {"status": MEASURED, **{key: result.metrics[key] for key in (*METRICS, *MORE_METRICS)}}
    entry |= {key: result.training[key] for key in (*TRAINING, "device", "precision")}
    entry |= {key: result.latency[key] for key in ("latency_ms", "batch_images_per_second")}
    entry |= {"val_sd": result.detail["sd"]["val_accuracy"], "test_sd": result.detail["sd"]["test_accuracy"]}
    entry["seeds"] = len(result.detail["seeds"])
    found = find_measured(entry["claimed_metric"], result)
    if found is not None and entry["claimed"] is not None:
        entry["difference"] = round(found - entry["claimed"], 6)
    return entry


def _average(curves: list[dict[str, str]], prefix: str, epoch: int) -> dict[str, float]:
    rows = [row for row in curves if int(row["epoch"]) == epoch]
    return {
        name: round(sum(float(row[f"{prefix}_{name}"]) for row in rows) / len(rows), 6)
        for name in ("accuracy", "loss")
    }
