"""The reports' claims beside our measurements: every figure of every row, with or without a run."""

from collections.abc import Iterable, Mapping, Sequence

from lineup.comparison.metrics import is_smaller_better
from lineup.comparison.results import Result
from lineup.comparison.table import MEASURED, NOT_RUN, find_measured
from lineup.comparison.task import Row
from lineup.reports.claims import Claim
from lineup.reports.protocols import MET

COLUMNS = (
    *("row", "report", "what", "metric", "claimed", "split"),
    *("run", "status", "measured", "difference", "better", "protocol", "origin"),
)


def compare_claims(
    table: Sequence[Row], results: Mapping[str, Result], claims: Mapping[str, Sequence[Claim]]
) -> list[Row]:
    """One dict with the keys COLUMNS for each claim and each run that stands for its row, in claims' order.

    A row's runs come in this order: those at the report's protocol, measured ones, those that are better
    on validation. A row that no run stands for has entries with an empty run.
    """
    return [
        _compare(claim, run, results)
        for row in claims
        for run in _order([entry for entry in table if entry["row"] == row])
        for claim in claims[row]
    ]


def select_headlines(reproductions: Iterable[Row]) -> list[Row]:
    """The first claim of each row, for each run that stands for it."""
    first = {(entry["row"], entry["run"]): entry for entry in reversed(list(reproductions))}
    return list(reversed(first.values()))


def _order(runs: Sequence[Row]) -> list[Row]:
    return sorted(runs, key=lambda run: (run["protocol"] != MET, run["status"] != MEASURED))


def _compare(claim: Claim, run: Row, results: Mapping[str, Result]) -> Row:
    facts = {key: getattr(claim, key) for key in ("row", "report", "what", "metric", "claimed", "split")}
    entry = {**dict.fromkeys(COLUMNS), **facts, "run": run["run"], "status": NOT_RUN}
    entry |= {"protocol": run["protocol"], "origin": run["origin"]}
    if run["status"] != MEASURED:
        return entry
    found = find_measured(claim.metric, results[run["run"]])
    entry |= {"status": MEASURED, "measured": found}
    if found is not None and claim.claimed is not None:
        difference = round(found - claim.claimed, 6)
        entry["difference"] = difference
        if difference:
            entry["better"] = (difference < 0) == is_smaller_better(claim.metric)
    return entry
