"""What the pictures of a comparison share: colours, lines and the names of runs."""

from typing import Any

from lineup.comparison.task import Row

# One colour for everything that is ink, so that the report can replace it by the page's own.
INK = "#24292f"
BAR, CLAIM, FRONT = "#4c8fd0", "#e36209", "#2da44e"
MARK: dict[str, Any] = {"color": CLAIM, "marker": "|", "mew": 3, "ls": ""}
STYLE: dict[Any, Any] = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "lineup",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def name_run(row: Row) -> str:
    """The run, what it starts from if not from random weights, and the row that it stands for."""
    origin = f" from {row['origin']}" if row["origin"] else ""
    return f"{row['run']}{origin}{_name_row(row)}"


def name_briefly(row: Row) -> str:
    """The run and the row that it stands for."""
    return f"{row['run']}{_name_row(row)}"


def _name_row(row: Row) -> str:
    return f" ({row['row']})" if row["row"] else ""
