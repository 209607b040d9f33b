"""claims.csv: what the reports say of their models, row by row."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lineup.errors import LineupError

COLUMNS = ["row", "report", "what", "metric", "claimed", "split"]


@dataclass(frozen=True)
class Claim:
    """One figure that a report gives; `metric` is empty and `claimed` None where it gives none.

    metric: named as a mean in metrics/detail, or in metrics/latency; split: the images it was measured on,
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
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            lines = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise LineupError(
            str(path), f"not readable ({error})", "a CSV file", "restore it from the repository"
        ) from error
    if reader.fieldnames != COLUMNS:
        raise LineupError(
            str(path), f"columns {reader.fieldnames}", ", ".join(COLUMNS), "correct the first line"
        )
    claims: dict[str, list[Claim]] = {}
    for number, line in enumerate(lines, start=2):
        claim = _read_claim(line, f"{path} line {number}")
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


def refuse_unknown_rows(rows: Mapping[str, str | None], claims: Mapping[str, list[Claim]]) -> None:
    """Raise LineupError if a run (rows: {run: row, or None}) stands for a row that no report has."""
    for run, row in rows.items():
        if row is not None and row not in claims:
            where = f"params.yaml: run {run}: row"
            raise LineupError(where, row, "a row of claims.csv", "correct it, or use null")
