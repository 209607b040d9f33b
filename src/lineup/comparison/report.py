"""The report: one HTML page that needs nothing beside it, with every figure and picture of a comparison."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lineup.claims import Claim
from lineup.comparison.pictures import draw_accuracy, draw_cost, draw_curves, format_svg
from lineup.comparison.results import Result
from lineup.comparison.table import MEASURED, Row, find_measured
from lineup.comparison.texts import format_count

# A confusion matrix of more classes is not readable on a page: its worst confusions are listed instead.
MATRIX_CLASSES = 20
WORST = 8


def format_report(
    table: Sequence[Row],
    curves: Sequence[Row],
    results: Mapping[str, Result],
    claims: Mapping[str, list[Claim]],
) -> str:
    """The page, from the rows of `build_table`, the curves of `average_curves`, and what they came from."""
    measured = [row for row in table if row["status"] == MEASURED]
    common, differing = compare_environments({row["run"]: results[row["run"]] for row in measured})
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters["count"] = format_count
    return page.get_template("report.html").render(
        measured=measured,
        waiting=[row for row in table if row["run"] and row["status"] != MEASURED],
        undeclared=[claims[row["row"]][0] for row in table if not row["run"]],
        claims=compare_claims(measured, results, claims),
        accuracy=Markup(format_svg(draw_accuracy(table))),
        cost=Markup(format_svg(draw_cost(table))),
        curves=[Markup(format_svg(draw_curves(curves, name))) for name in ("accuracy", "loss")],
        details=[_detail(row["run"], results[row["run"]]) for row in measured],
        common=common,
        differing=differing,
    )


def compare_claims(
    measured: Sequence[Row], results: Mapping[str, Result], claims: Mapping[str, list[Claim]]
) -> list[dict[str, Any]]:
    """Every figure a report claims for a measured run, with ours where there is one of that name."""
    return [
        {"run": row["run"], "claim": claim, "measured": find_measured(claim.metric, results[row["run"]])}
        for row in measured
        for claim in claims.get(row["row"], [])
        if claim.claimed is not None
    ]


def merge_environments(seeds: Iterable[dict[str, Any]]) -> dict[str, str]:
    """What the seeds of a run were trained with; where they differ, each value once."""
    facts = [seed["environment"] for seed in seeds]
    keys = dict.fromkeys(key for environment in facts for key in environment)
    return {key: ", ".join(dict.fromkeys(str(each.get(key, "")) for each in facts)) for key in keys}


def compare_environments(results: Mapping[str, Result]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What all runs were trained with, and what differs: {key: value}, and {key: {run: value}}."""
    environments = {
        run: merge_environments(result.training["seeds"].values()) for run, result in results.items()
    }
    keys = dict.fromkeys(key for environment in environments.values() for key in environment)
    table = {key: {run: facts.get(key, "") for run, facts in environments.items()} for key in keys}
    common = {key: next(iter(row.values())) for key, row in table.items() if len(set(row.values())) == 1}
    return common, {key: row for key, row in table.items() if key not in common}


def find_worst(confusion: Sequence[Mapping[str, str]], count: int) -> list[tuple[str, str, int, float]]:
    """The largest confusions: actual class, answer, how often, and as a share of the actual class."""
    totals: dict[str, int] = {}
    for row in confusion:
        totals[row["actual"]] = totals.get(row["actual"], 0) + int(row["count"])
    wrong = [row for row in confusion if row["actual"] != row["predicted"] and int(row["count"])]
    wrong.sort(key=lambda row: -int(row["count"]))
    return [
        (row["actual"], row["predicted"], int(row["count"]), int(row["count"]) / totals[row["actual"]])
        for row in wrong[:count]
    ]


def _detail(run: str, result: Result) -> dict[str, Any]:
    classes = list(dict.fromkeys(row["actual"] for row in result.confusion))
    return {
        "run": run,
        "classes": classes,
        "matrix": _matrix(result.confusion, classes) if len(classes) <= MATRIX_CLASSES else None,
        "worst": find_worst(result.confusion, WORST),
        "per_class": result.detail["per_class"],
        "seeds": result.detail["seeds"],
        "picture": base64.b64encode(result.picture).decode("ascii"),
    }


def _matrix(
    confusion: Sequence[Mapping[str, str]], classes: Sequence[str]
) -> list[tuple[str, list[tuple[int, float]]]]:
    """Rows of counts, each with its share of the row."""
    rows = []
    for actual in classes:
        counts = [int(row["count"]) for row in confusion if row["actual"] == actual]
        rows.append((actual, [(number, number / max(sum(counts), 1)) for number in counts]))
    return rows
