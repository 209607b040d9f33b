"""Set all runs side by side: `python stages/compare.py`.

In: what train and evaluate left of every run in params.yaml, and claims.csv.
Out: metrics/comparison (csv, json, md), plots/comparison (accuracy.png, cost.png, curves.csv) and
plots/report.html.
"""

from pathlib import Path

from rich.console import Console

from lineup.claims import read_claims
from lineup.comparison.pictures import draw_accuracy, draw_cost, write_png
from lineup.comparison.report import format_report
from lineup.comparison.results import read_results
from lineup.comparison.table import average_curves, build_table, format_csv, format_curves, format_json
from lineup.comparison.texts import format_markdown, print_table
from lineup.config.params import load
from lineup.console import stage
from lineup.files import write_text

METRICS, PLOTS = Path("metrics"), Path("plots")


def main() -> None:
    """Compare the runs that params.yaml declares, never what happens to lie in a folder."""
    params = load()
    claims = read_claims(Path("claims.csv"))
    datasets = {name: params.views[run.view].dataset for name, run in params.runs.items()}
    results = read_results({name: (datasets[name], run.seeds) for name, run in params.runs.items()})
    rows = {name: run.row for name, run in params.runs.items()}
    waiting = {name: run.row for name, run in params.waiting.items()}
    table = build_table(rows, waiting, results, claims)
    curves = average_curves(results)

    write_text(METRICS / "comparison.csv", format_csv(table))
    write_text(METRICS / "comparison.json", format_json(table))
    write_text(METRICS / "comparison.md", format_markdown(table))
    write_text(PLOTS / "comparison/curves.csv", format_curves(curves))
    write_png(draw_accuracy(table), PLOTS / "comparison/accuracy.png")
    write_png(draw_cost(table), PLOTS / "comparison/cost.png")
    write_text(PLOTS / "report.html", format_report(table, curves, results, claims))
    console = Console(width=100)
    print_table(table, console)
    console.print(f"report: {PLOTS / 'report.html'}")


if __name__ == "__main__":
    stage(main)
