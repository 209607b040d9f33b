"""Set all runs side by side: `PYTHONPATH=src python stages/compare.py`.

In: what train and evaluate left of every run in params.yaml, preprocess' samples of each view, the duplicates
of each dataset, claims.csv and protocols.yaml.
Out: metrics/comparison (csv, json, md), reproductions.csv, significance.csv and gains.csv in metrics,
plots/comparison (accuracy.png, cost.png, gains.png, learning curves of each task) and plots/report.html.
"""

from pathlib import Path
from typing import Any

from rich.console import Console

from lineup.claims import read_claims
from lineup.comparison import gains, reproductions, significance
from lineup.comparison.curves import average_curves, format_curves, name_panel
from lineup.comparison.duplicates import read_shared, score_unique
from lineup.comparison.entry import Entry
from lineup.comparison.pictures.bars import draw_accuracy
from lineup.comparison.pictures.cost import draw_cost
from lineup.comparison.pictures.gains import draw_gains
from lineup.comparison.report import format_report
from lineup.comparison.results import read_pictures, read_results
from lineup.comparison.table import build_table, format_csv, format_json, group_measured
from lineup.comparison.tasks import TASKS
from lineup.comparison.texts import format_markdown, print_tables
from lineup.comparison.verdict import tell
from lineup.config.params import load, parse, read
from lineup.config.schema import FileWeights, NoWeights, Params, Run, RunWeights, TimmWeights, Weights
from lineup.console import stage
from lineup.files import write_text
from lineup.pictures import save_figure
from lineup.protocols import resolve_protocols

METRICS, PLOTS = Path("metrics"), Path("plots")
PROTOCOLS = Path("protocols.yaml")
# What a run has in common with the one that it goes on from.
SHARED = ("view", "task", "family", "model", "augment")


def main() -> None:
    """Compare the runs that params.yaml declares, never what happens to lie in a folder."""
    params = load()
    claims = read_claims(Path("claims.csv"))
    protocols = resolve_protocols(parse(read(PROTOCOLS), PROTOCOLS), claims, str(PROTOCOLS))
    if not any(run.row for run in [*params.runs.values(), *params.waiting.values()]):
        claims = {}  # a study that repeats no report is not told of them
    runs = {name: resolve_run(params, run) for name, run in params.runs.items()}
    waiting = {name: resolve_run(params, run) for name, run in params.waiting.items()}
    results = read_results(runs)
    contests = significance.hold_contests(runs, results)
    ranks = {run: rank for contest in contests for run, rank in contest.ranks.items()}
    shared = {entry.dataset: read_shared(entry.dataset) for entry in runs.values()}
    unique = score_unique(runs, results, shared)
    table = build_table(runs, waiting, results, claims, protocols, ranks, unique)
    verdicts = {(each.task, each.dataset): tell(each, shared[each.dataset], unique) for each in contests}
    claimed = reproductions.compare_claims(table, results, claims)
    groups, tested = group_measured(table), significance.list_pairs(contests)
    gained = {(group.task.name, group.dataset): gains.list_gains(group, runs, results) for group in groups}

    write_text(METRICS / "comparison.csv", format_csv(table))
    write_text(METRICS / "comparison.json", format_json(table))
    write_text(METRICS / "comparison.md", format_markdown(table, claimed, verdicts, gained))
    write_text(METRICS / "reproductions.csv", format_csv(claimed, reproductions.COLUMNS))
    write_text(METRICS / "significance.csv", format_csv(tested, significance.COLUMNS))
    listed = [row for rows in gained.values() for row in rows]
    write_text(METRICS / "gains.csv", format_csv(listed, gains.COLUMNS))
    panels = {run: name_panel(entry, claims) for run, entry in runs.items()}
    for name, task in TASKS.items():
        curves = average_curves({run: results[run] for run in runs if runs[run].task == name}, task)
        write_text(PLOTS / f"comparison/{name}_curves.csv", format_curves(curves, task, panels))
    first = next((group for group in groups if group.task.name == "classification"), None)
    save_figure(draw_accuracy(first.rows if first else []), PLOTS / "comparison/accuracy.png")
    save_figure(draw_cost(first.rows if first else []), PLOTS / "comparison/cost.png")
    of_first = gained["classification", first.dataset] if first else []
    save_figure(draw_gains(of_first, "accuracy"), PLOTS / "comparison/gains.png")
    samples = {name: png for name, png in read_pictures(PLOTS / "samples").items() if name in params.views}
    page = format_report(table, claimed, results, samples, contests, verdicts, gained)
    write_text(PLOTS / "report.html", page)
    console = Console(width=100)
    print_tables(table, claimed, verdicts, console)
    if gone := list_gone(params):
        console.print(f"left from runs that are gone: {', '.join(gone)} (docs/adding.md says what to remove)")
    console.print(f"report: {PLOTS / 'report.html'}")


def list_gone(params: Params) -> list[str]:
    """Runs that have results here and are not declared any more: nothing shows them but DVC's plots."""
    return sorted({path.stem for path in METRICS.glob("detail/*.json")} - params.runs.keys())


def resolve_run(params: Params, run: Run) -> Entry:
    """A run with the names in it replaced by what they stand for, each phase with all that holds in it.

    One that goes on where another ended is told as one training: from what that one started from, and with
    its phases first.
    """
    view, earlier = params.views[run.view], list_earlier(params, run)
    parts = [*(find_run(params, each) for each in earlier), run]
    recipe = params.recipes[run.recipe].model_dump()
    phases = [phase for part in parts for phase in list_phases(params, part, whole=len(parts) > 1)]
    settings: dict[str, Any] = {
        "view": view.model_dump(),
        "weights": find_weights(params, parts[0].weights).model_dump(),
        "model": {"family": run.family, **params.models[run.family][run.model].model_dump()},
        "augment": params.augments[run.augment].model_dump(),
        "recipe": {**recipe, "phases": phases},
        "tta": run.tta,
    }
    origin = name_origin(params, parts[0].weights) or name_origin(params, run.weights)
    return Entry(run.row, run.task, view.dataset, run.seeds, origin, earlier, settings)


def list_earlier(params: Params, run: Run) -> list[str]:
    """The runs that this one goes on from, the earliest first: their weights, and only another recipe."""
    weights = find_weights(params, run.weights)
    if isinstance(weights, RunWeights):
        before = find_run(params, weights.run)
        if all(getattr(before, key) == getattr(run, key) for key in SHARED):
            return [*list_earlier(params, before), weights.run]
    return []


def list_phases(params: Params, run: Run, *, whole: bool) -> list[dict[str, Any]]:
    """The phases of a run's recipe; if `whole`, a recipe without any is one itself."""
    recipe = params.recipes[run.recipe].model_dump()
    phases = recipe.pop("phases") or ({run.recipe: {}} if whole else {})
    return [{"name": name, **recipe, **phase} for name, phase in phases.items()]


def find_run(params: Params, name: str) -> Run:
    """The run of that name, which may wait."""
    return {**params.waiting, **params.runs}[name]


def find_weights(params: Params, name: str) -> Weights:
    """The initial weights of that name, of runs that wait too."""
    return {**params.waiting_weights, **params.weights}[name]


def name_origin(params: Params, weights: str) -> str:
    """What training starts from: a run's dataset, timm's tag of the weights, a file's name, or nothing."""
    entry = find_weights(params, weights)
    match entry:
        case NoWeights():
            return ""
        case RunWeights():
            return params.views[find_run(params, entry.run).view].dataset
        case TimmWeights():
            return entry.model.partition(".")[2] or entry.model
        case FileWeights():
            return Path(entry.needs).stem


if __name__ == "__main__":
    stage(main)
