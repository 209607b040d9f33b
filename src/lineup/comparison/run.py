"""The comparison as a whole: what stages/compare.py and stages/report.py write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lineup.comparison import gains, reproductions, significance
from lineup.comparison.curves import average_curves, format_curves, name_panel
from lineup.comparison.duplicates import read_shared, score_unique
from lineup.comparison.pictures.bars import plot_accuracy
from lineup.comparison.pictures.cost import plot_cost
from lineup.comparison.pictures.gains import plot_gains
from lineup.comparison.report import format_report
from lineup.comparison.results import Pictures, Result, read_results
from lineup.comparison.table import Group, build_table, format_csv, format_json, group_measured
from lineup.comparison.task import Row
from lineup.comparison.tasks import TASKS
from lineup.comparison.texts import Verdicts, format_markdown, print_tables
from lineup.comparison.verdict import tell
from lineup.files import write_text
from lineup.pictures import save_figure
from lineup.settings.comparison import Comparison

METRICS, PLOTS = Path("metrics"), Path("plots")


@dataclass(frozen=True)
class Compared:
    """All that was found: of runs, claims, every two runs, and of what initial weights gained."""

    declared: Comparison
    results: Mapping[str, Result]
    table: Sequence[Row]
    claimed: Sequence[Row]
    contests: Sequence[significance.Contest]
    verdicts: Verdicts
    groups: Sequence[Group]
    gained: Mapping[tuple[str, str], Sequence[Row]]


def compare_runs(declared: Comparison) -> Compared:
    """Compare the runs that are declared, never what happens to lie in a folder."""
    runs = declared.runs
    results = read_results(runs)
    contests = significance.hold_contests(runs, results)
    ranks = {run: rank for contest in contests for run, rank in contest.ranks.items()}
    shared = {entry.dataset: read_shared(entry.dataset) for entry in runs.values()}
    unique = score_unique(runs, results, shared)
    table = build_table(declared, results, ranks, unique)
    groups = group_measured(table)
    return Compared(
        declared,
        results,
        table,
        reproductions.compare_claims(table, results, declared.claims),
        contests,
        {(each.task, each.dataset): tell(each, shared[each.dataset], unique) for each in contests},
        groups,
        {(group.task.name, group.dataset): gains.list_gains(group, runs, results) for group in groups},
    )


def write_comparison(compared: Compared) -> None:
    """Write tables, metrics, the pictures of the comparison, and the report without pictures of runs."""
    write_tables(compared)
    write_curves(compared)
    first = next((group for group in compared.groups if group.task.name == "classification"), None)
    rows = first.rows if first else []
    save_figure(plot_accuracy(rows), PLOTS / "comparison/accuracy.png")
    save_figure(plot_cost(rows), PLOTS / "comparison/cost.png")
    of_first = compared.gained["classification", first.dataset] if first else []
    save_figure(plot_gains(of_first, "accuracy"), PLOTS / "comparison/gains.png")
    write_report(compared, Pictures({}, {}), PLOTS / "report.html")


def write_tables(compared: Compared) -> None:
    """Write what people and programs read: CSV, JSON and Markdown."""
    table, claimed, gained = compared.table, compared.claimed, compared.gained
    write_text(METRICS / "comparison.csv", format_csv(table))
    write_text(METRICS / "comparison.json", format_json(table))
    write_text(METRICS / "comparison.md", format_markdown(table, claimed, compared.verdicts, gained))
    write_text(METRICS / "reproductions.csv", format_csv(claimed, reproductions.COLUMNS))
    tested = significance.list_pairs(compared.contests)
    write_text(METRICS / "significance.csv", format_csv(tested, significance.COLUMNS))
    listed = [row for rows in gained.values() for row in rows]
    write_text(METRICS / "gains.csv", format_csv(listed, gains.COLUMNS))


def write_curves(compared: Compared) -> None:
    """Write the learning curves of each task, for `dvc plots`."""
    declared = compared.declared
    panels = {run: name_panel(entry, declared.claims) for run, entry in declared.runs.items()}
    for name, task in TASKS.items():
        runs = [run for run, entry in declared.runs.items() if entry.task == name]
        curves = average_curves({run: compared.results[run] for run in runs}, task)
        write_text(PLOTS / f"comparison/{name}_curves.csv", format_curves(curves, task, panels))


def write_report(compared: Compared, pictures: Pictures, path: Path) -> None:
    """Write the page, with `pictures` where there are any."""
    page = format_report(
        compared.table,
        compared.claimed,
        compared.results,
        pictures,
        compared.contests,
        compared.verdicts,
        compared.gained,
    )
    write_text(path, page)


def print_comparison(compared: Compared) -> None:
    """Print the tables, and what was found of runs that are not declared any more."""
    console = Console(width=100)
    print_tables(compared.table, compared.claimed, compared.verdicts, console)
    if gone := list_gone(compared.declared.runs):
        console.print(f"left from runs that are gone: {', '.join(gone)} (docs/adding.md says what to remove)")
    console.print(f"report: {PLOTS / 'report.html'}")


def list_gone(declared: Iterable[str]) -> list[str]:
    """Runs that have results here and are not declared any more: nothing shows them but DVC's plots."""
    return sorted({path.stem for path in METRICS.glob("detail/*.json")} - set(declared))
