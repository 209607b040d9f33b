"""Accuracy against cost, as pictures with the Pareto front."""

from collections.abc import Sequence
from itertools import cycle

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, Formatter, LogLocator

from lineup.comparison.pictures.labels import write_labels
from lineup.comparison.pictures.style import BAR, FRONT, STYLE, name_briefly
from lineup.comparison.task import Row
from lineup.pictures import new_figure

# Runs from random weights have the first; the others go to what the first weights were trained on.
MARKERS = "oDs^v"


def draw_cost(rows: Sequence[Row]) -> Figure:
    """Draw test accuracy against latency of one image; the line joins runs that none beats in both."""
    return _draw_against(rows, "latency_ms", "milliseconds for one image (logarithmic)")


def draw_size(rows: Sequence[Row]) -> Figure:
    """Draw test accuracy against parameters; the line joins runs that none beats in both."""
    return _draw_against(rows, "parameters", "parameters (logarithmic)", EngFormatter(sep=""))


def _draw_against(rows: Sequence[Row], cost: str, title: str, ticks: Formatter | str = "{x:g}") -> Figure:
    with mpl.rc_context(STYLE):
        figure = new_figure(8, 5)
        axes = figure.subplots()
        front = find_front(rows, cost)
        axes.plot(
            [row[cost] for row in front],
            [row["test_accuracy"] for row in front],
            color=FRONT,
            drawstyle="steps-post",
            lw=1.5,
            label="not beaten in both",
        )
        markers = choose_markers(rows)
        for row in rows:
            color, marker = FRONT if row in front else BAR, markers[row["origin"] or ""]
            axes.plot(row[cost], row["test_accuracy"], marker=marker, ms=6, ls="", color=color)
        for origin, marker in markers.items():
            if origin:
                axes.plot([], [], marker=marker, ms=6, ls="", color=BAR, label=f"from {origin}")
        axes.set_xscale("log")
        axes.margins(0.14)
        axes.xaxis.set_major_formatter(ticks)
        # Names at 1, 2 and 5 of each decade fit side by side, however many decades there are.
        axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.xaxis.set_minor_formatter(ticks)
        axes.set_xlabel(title)
        axes.set_ylabel("test accuracy")
        axes.grid(alpha=0.25)
        if rows:
            axes.legend(loc="lower right", fontsize=9)
        points = {name_briefly(row): (row[cost], row["test_accuracy"]) for row in rows}
        write_labels(figure, axes, points, [(row[cost], row["test_accuracy"]) for row in front])
    return figure


def choose_markers(rows: Sequence[Row]) -> dict[str, str]:
    """A marker for each origin of first weights; random weights, "", have always the same one."""
    origins = ["", *sorted({row["origin"] for row in rows if row["origin"]})]
    return dict(zip(origins, cycle(MARKERS), strict=False))


def find_front(rows: Sequence[Row], cost: str) -> list[Row]:
    """The Pareto front, cheapest first: runs that no other run matches in `cost` and beats in accuracy."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda row: (row[cost], -row["test_accuracy"])):
        same = front and (row[cost], row["test_accuracy"]) == (front[-1][cost], front[-1]["test_accuracy"])
        if not front or same or row["test_accuracy"] > front[-1]["test_accuracy"]:
            front.append(row)
    return front
