"""The report: one HTML page that needs nothing beside it, with every figure and picture of a comparison."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from lineup.comparison import gains
from lineup.comparison.confusions import find_worst
from lineup.comparison.curves import average_curves
from lineup.comparison.metrics import format_differences, name_metric
from lineup.comparison.pictures.curves import plot_overlay, plot_run
from lineup.comparison.pictures.gains import plot_gains
from lineup.comparison.pictures.svg import SvgWriter
from lineup.comparison.reproductions import select_headlines
from lineup.comparison.results import Pictures, Result
from lineup.comparison.significance import Contest, list_pairs
from lineup.comparison.table import MEASURED, Group, group_measured
from lineup.comparison.task import Row, Task, choose_columns
from lineup.comparison.texts import (
    DELIBERATE,
    Verdicts,
    describe_alarms,
    describe_waiting,
    format_claimed,
    format_ours,
    name_run,
    score_runs,
)
from lineup.comparison.verdict import format_p

# A confusion matrix of more classes is not readable on a page: its worst confusions are listed instead.
MATRIX_CLASSES = 20
WORST = 8
QUALITY = 60  # of embedded pictures, of 100: their texts look as at 80, for a quarter less
EFFORT = 5  # in packing them, of 6, which takes twice as long for 2 % less
CAPTIONS = {
    "augmented": "Training images as augmentation varies them",
    "predictions": "Answers on test, right and wrong",
    "confusions": "The most frequent confusions on test, first seed",
    "suspects": "Test images whose label may be wrong, first seed (confident learning)",
    "reliability": "Calibration on test: whether it is as sure as it is right",
    "reconstructions": "Test images and their reconstructions",
    "filters": "Filters of the first layer",
    "latent": "t-SNE of the latent space, coloured by class",
}


def format_report(
    table: Sequence[Row],
    reproductions: Sequence[Row],
    results: Mapping[str, Result],
    pictures: Pictures,
    contests: Sequence[Contest],
    verdicts: Verdicts,
    gained: gains.Gains,
) -> str:
    """The page, from `build_table`, `compare_claims` and what they came from.

    pictures: left out where there are none; contests and verdicts: what is really different, as figures and
    in words; gained: what initial weights gained.
    """
    measured = [row for row in table if row["status"] == MEASURED]
    common, differing = compare_environments({row["run"]: results[row["run"]] for row in measured})
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters |= {"claimed": format_claimed, "ours": format_ours, "metric": name_metric, "name": name_run}
    shown = [
        *pictures.samples.values(),
        *(png for of_run in pictures.runs.values() for png in of_run.values()),
    ]
    page.filters |= {
        "embed": pack_pictures(shown).__getitem__,
        "p": format_p,
        "value": lambda value: "" if value is None else value,
        "pairs": lambda contest: list_pairs([contest]),
        "gap": format_differences,
    }
    svg = SvgWriter()
    parts = [
        _show_group(group, results, pictures, svg)
        | {"contests": [each for each in contests if each.pairs and _is_of(each, group)]}
        | {"told": verdicts[group.task.name, group.dataset]}
        | _show_gains(group, gained[group.task.name, group.dataset], svg)
        for group in group_measured(table)
    ]
    return page.get_template("report.html").render(
        measured=measured,
        styles=Markup(svg.list_rules()),
        parts=parts,
        alarms=describe_alarms(table),
        waiting=describe_waiting(table),
        headlines=select_headlines(reproductions),
        reproductions=reproductions,
        scores=score_runs(table),
        gain_title=gains.TITLE,
        gain_note=gains.NOTE,
        deliberate=DELIBERATE,
        samples=pictures.samples,
        complete=bool(pictures.runs),
        captions=CAPTIONS,
        common=common,
        differing=differing,
    )


def pack_pictures(pictures: Iterable[bytes]) -> dict[bytes, str]:
    """Each PNG as an address that holds it; in threads, since Pillow packs without Python's lock."""
    distinct = list(dict.fromkeys(pictures))
    with ThreadPoolExecutor() as pool:
        return dict(zip(distinct, pool.map(_embed, distinct), strict=True))


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


def _is_of(contest: Contest, group: Group) -> bool:
    return (contest.task, contest.dataset) == (group.task.name, group.dataset)


def _show_group(
    group: Group, results: Mapping[str, Result], pictures: Pictures, svg: SvgWriter
) -> dict[str, Any]:
    """What the page says of runs that can be compared."""
    task, runs = group.task, {row["run"]: results[row["run"]] for row in group.rows}
    curves = average_curves(runs, task)
    return {
        "task": task,
        "group": group,
        "columns": choose_columns(task.full, group.rows),
        "name": f"{task.name}-{group.dataset}",
        "pictures": [_draw(draw(group.rows), svg) for draw in task.draw],
        "curves": [
            _draw(plot_overlay(curves, quantity, title), svg) for quantity, title in task.curves.items()
        ],
        "details": [
            _show_run(run, result, task, pictures.runs.get(run, {}), svg) for run, result in runs.items()
        ],
    }


def _show_gains(group: Group, gained: Sequence[Row], svg: SvgWriter) -> dict[str, Any]:
    """What the page says of what initial weights gained."""
    picture = _draw(plot_gains(gained, group.task.headline), svg) if gained else ""
    return {"gained": gained, "gain_columns": gains.list_columns(group.task), "gain_picture": picture}


def _show_run(
    run: str, result: Result, task: Task, pictures: Mapping[str, bytes], svg: SvgWriter
) -> dict[str, Any]:
    classes = list(dict.fromkeys(row["actual"] for row in result.confusion))
    return {
        "run": run,
        "classes": classes,
        "matrix": _matrix(result.confusion, classes) if len(classes) <= MATRIX_CLASSES else None,
        "worst": find_worst(result.confusion, WORST),
        "per_class": result.detail["per_class"],
        "seeds": [{"seed": seed, **figures} for seed, figures in result.detail["seeds"].items()],
        "curves": _draw(plot_run(average_curves({run: result}, task), task.curves), svg),
        "pictures": pictures,
    }


def _draw(figure: Figure, svg: SvgWriter) -> Markup:
    return Markup(svg.write(figure))


def _embed(picture: bytes) -> str:
    """A PNG as an address that holds it, as WebP: a tenth of the bytes, and the page is kept in git."""
    smaller = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(smaller, "webp", quality=QUALITY, method=EFFORT)
    return f"data:image/webp;base64,{base64.b64encode(smaller.getvalue()).decode('ascii')}"


def _matrix(
    confusion: Sequence[Mapping[str, str]], classes: Sequence[str]
) -> list[tuple[str, list[tuple[int, float]]]]:
    """Rows of counts, each with its share of the row."""
    rows = []
    for actual in classes:
        counts = [int(row["count"]) for row in confusion if row["actual"] == actual]
        rows.append((actual, [(number, number / max(sum(counts), 1)) for number in counts]))
    return rows
