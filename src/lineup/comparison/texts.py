"""The table for people: as Markdown and at a terminal, with short columns and rounded figures."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from lineup.comparison.table import MEASURED, NOT_RUN, Row

METRIC_NAMES = {
    "test_accuracy": "test",
    "val_accuracy": "val",
    "test_mse": "test MSE",
    "test_loss": "test loss",
}
SHORT = ("Run", "Row", "Claimed", "Val.", "Test (95 %)", "Diff.", "F1", "Param.", "MACs", "s/epoch", "ms")
# What a terminal of 100 columns has no room for.
WIDE_ONLY = ("F1", "MACs")
LONGEST_NAME = 22


def format_markdown(table: Sequence[Row]) -> str:
    """The table as Markdown: measured runs, waiting ones, then the rows of the reports without a run."""
    lines = [
        "| " + " | ".join(SHORT) + " |",
        "|" + "|".join("---" if place < 2 else "---:" for place in range(len(SHORT))) + "|",
    ]
    lines += ["| " + " | ".join(shorten_row(row)) + " |" for row in table if row["run"]]
    undeclared = [row["row"] for row in table if not row["run"]]
    if undeclared:
        lines += ["", f"No run yet for {len(undeclared)} rows of the reports: {', '.join(undeclared)}."]
    lines += [
        "",
        "Val. and Test are accuracies, means over seeds, Test with its 95 % interval; Claimed is the "
        "report's figure, Diff. ours minus it; F1 is the macro mean on test; ms is the time of one image.",
    ]
    return "\n".join(lines) + "\n"


def print_table(table: Sequence[Row], console: Console) -> None:
    """Print declared runs in at most 100 columns, and how many rows of the reports have none."""
    shown = [place for place, name in enumerate(SHORT) if name not in WIDE_ONLY]
    printed = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place in shown:
        printed.add_column(SHORT[place], justify="left" if place < 2 else "right", no_wrap=True)
    for row in table:
        if row["run"]:
            name, *cells = (shorten_row(row)[place] for place in shown)
            # Left to itself, rich would cut figures rather than the name.
            cut = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
            printed.add_row(cut, *cells, style=None if row["status"] == MEASURED else "dim")
    console.print(printed)
    undeclared = sum(not row["run"] for row in table)
    if undeclared:
        console.print(f"{undeclared} rows of the reports have no run yet: metrics/comparison.csv lists them.")


def shorten_row(row: Row) -> list[str]:
    """The cells of SHORT for one row; a run without results says so."""
    cells = [row["run"], row["row"], _format_claim(row)]
    if row["status"] == NOT_RUN:
        return [*cells, "", NOT_RUN, *[""] * (len(SHORT) - 5)]
    half = (row["test_high"] - row["test_low"]) / 2
    return [
        *cells,
        f"{row['val_accuracy']:.4f}",
        f"{row['test_accuracy']:.4f} ±{half:.4f}",
        "" if row["difference"] is None else f"{row['difference']:+.4f}",
        f"{row['macro_f1']:.4f}",
        format_count(row["parameters"]),
        format_count(row["macs"]),
        f"{row['seconds_per_epoch']:.3g}",
        f"{row['latency_ms']:.3g}",
    ]


def format_count(number: float) -> str:
    """A count with three digits and a unit: 622K, 11.2M, 1.3G."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def _format_claim(row: Row) -> str:
    if row["claimed"] is None:
        return ""
    return f"{METRIC_NAMES.get(row['claimed_metric'], row['claimed_metric'])} {row['claimed']:.4g}"
