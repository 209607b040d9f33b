"""claims.csv: what the reports say of their models, row by row."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lineup.errors import LineupError, nearest

COLUMNS = ["row", "report", "what", "metric", "claimed", "split"]
# What we measure, of every task: the means in metrics/detail, and how long an answer takes.
METRICS = (
    *("train_accuracy", "val_accuracy", "test_accuracy", "train_loss", "val_loss", "test_loss"),
    *("test_low", "test_high", "macro_precision", "macro_recall", "macro_f1"),
    *("test_ece", "temperature", "test_ece_scaled"),
    *("train_mse", "val_mse", "test_mse", "val_psnr", "test_psnr", "val_ssim", "test_ssim"),
    *("probe_val_accuracy", "probe_test_accuracy", "gap"),
    *("parameters", "trainable_parameters", "macs", "latency_ms"),
)
SHARES = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class Claim:
    """One figure that a report gives; `metric` is empty and `claimed` None where it gives none.

    metric: one of METRICS, or empty; split: the images it was measured on,
    empty for what no images are needed for. The first claim of a row is the one that our figure is set
    beside.
    """

    row: str
    report: str
    what: str
    metric: str
    claimed: float | None
    split: str


def read_claims(path: Path) -> dict[str, list[Claim]]:
    """Read the claims of every row, in the order of the file. Raises LineupError if it is not such a file."""
    try:
        # Spreadsheets put a mark before the first column.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns, lines = reader.fieldnames, list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise LineupError(
            str(path), f"not readable ({error})", "a CSV file", "restore it from the repository"
        ) from error
    if columns != COLUMNS:
        raise LineupError(str(path), f"columns {columns}", ", ".join(COLUMNS), "correct the first line")
    claims: dict[str, list[Claim]] = {}
    for number, line in enumerate(lines, start=2):
        claim = _read_claim(line, f"{path} line {number}")
        _refuse_unmeasured(claim, f"{path} line {number}")
        claims.setdefault(claim.row, []).append(claim)
    return claims


def _read_claim(line: dict[str, str], where: str) -> Claim:
    try:
        # DictReader gives None for a missing value and the key None to spare ones.
        if None in line.values() or None in line:
            raise ValueError("another number of values")
        claimed = float(line["claimed"]) if line["claimed"] else None
        if claimed is not None and not math.isfinite(claimed):
            raise ValueError(f"claimed {claimed}")
        return Claim(**{**line, "claimed": claimed})  # type: ignore[arg-type]
    except ValueError as error:
        raise LineupError(
            where, f"not a claim ({error})", f"{len(COLUMNS)} values, claimed a number or empty", "correct it"
        ) from error


def _refuse_unmeasured(claim: Claim, where: str) -> None:
    """Raise LineupError for a claim that nothing of ours could be set beside."""
    if claim.metric and claim.metric not in METRICS:
        found, fix = f"metric {claim.metric}", nearest(claim.metric, METRICS)
        raise LineupError(where, found, "a figure that we measure, or nothing", fix)
    if claim.claimed is not None and claim.metric.endswith(SHARES) and not 0 <= claim.claimed <= 1:
        found = f"{claim.metric} {claim.claimed:g}"
        raise LineupError(where, found, "a share from 0 to 1", "divide a percentage by 100")


def refuse_unknown_rows(rows: Mapping[str, str | None], claims: Mapping[str, list[Claim]]) -> None:
    """Raise LineupError if a run (rows: {run: row, or None}) stands for a row that no report has."""
    for run, row in rows.items():
        if row is not None and row not in claims:
            where = f"params.yaml: run {run}: row"
            raise LineupError(where, row, "a row of claims.csv", "correct it, or use null")
