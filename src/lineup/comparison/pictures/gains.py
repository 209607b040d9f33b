"""What initial weights gained, as a picture: a line a run, with the interval of its difference."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lineup.comparison.metrics import format_differences, is_share, is_smaller_better, name_metric
from lineup.comparison.pictures.style import CLAIM, FRONT, INK, STYLE
from lineup.comparison.task import Row
from lineup.pictures import new_figure

UNSURE = "#8c959f"
LABELS = {FRONT: "really better", CLAIM: "really worse", UNSURE: "cannot be told apart"}


def plot_gains(rows: Sequence[Row], headline: str) -> Figure:
    """Draw how far each run of `gains.list_gains` is from its twin, the best gain first.

    headline: what differs, as in Task; of an error the least is the best.
    """
    sign = -1 if is_smaller_better(headline) else 1
    ranked = sorted(rows, key=lambda row: -sign * row["difference"])
    points = 100 if is_share(headline) else 1
    with mpl.rc_context(STYLE):
        figure = new_figure(8, 1.3 + 0.34 * max(len(rows), 1))
        axes = figure.subplots()
        axes.axvline(0, color=INK, lw=1)
        for place, row in enumerate(ranked):
            color, ends = choose_color(row), (points * row["low"], points * row["high"])
            axes.plot(ends, (place, place), color=color, lw=2)
            axes.plot(points * row["difference"], place, color=color, marker="o", ms=6, ls="")
            text = format_differences(headline, row["difference"]).removesuffix(" points")
            # On the side that points away from the line of no difference.
            end, away, side = (ends[1], 8, "left") if row["difference"] > 0 else (ends[0], -8, "right")
            axes.annotate(
                text, (end, place), (away, 0), textcoords="offset points", va="center", ha=side, fontsize=9
            )
        axes.set_yticks(range(len(rows)), [f"{row['run']} - {row['twin']}" for row in ranked])
        axes.invert_yaxis()
        axes.margins(x=0.12, y=0.04)  # room for the numbers
        axes.grid(axis="x", alpha=0.25)
        unit = " (points)" if is_share(headline) else ""
        metric = name_metric(f"test_{headline}")
        axes.set_xlabel(f"{metric} less that of the twin from random weights{unit}, 95 % interval")
        met = {choose_color(row) for row in rows}
        dots = [
            Line2D([], [], color=color, marker="o", lw=2, label=name)
            for color, name in LABELS.items()
            if color in met
        ]
        if dots:
            figure.legend(handles=dots, loc="outside upper center", ncols=3, fontsize=9)
    return figure


def choose_color(row: Row) -> str:
    """Whether the run or its twin is really better."""
    return {row["run"]: FRONT, row["twin"]: CLAIM}.get(row["better"], UNSURE)
