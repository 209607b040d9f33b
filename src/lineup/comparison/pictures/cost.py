"""Accuracy against cost, as pictures with the Pareto front."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, Formatter, LogLocator

from lineup.comparison.pictures.labels import write_labels
from lineup.comparison.pictures.style import BAR, CLAIM, FRONT, INK, STYLE, name_briefly
from lineup.comparison.task import Row
from lineup.pictures import new_figure

# Runs from random weights have the first; the others go to what the first weights were trained on.
MARKERS = "oDs^v"
# A colour for each machine; where there is one alone, FRONT is for what nothing beats.
MACHINES = (BAR, CLAIM, "#8250df", FRONT, "#6e7781")
ROWS_PER_INCH = 8  # so that names find room beside their dots


def plot_cost(rows: Sequence[Row]) -> Figure:
    """Draw test accuracy against latency of one image; a line joins runs that none beats in both.

    Milliseconds of two machines do not compare, so each machine has a colour and a line of its own.
    """
    machines = sorted({row["machine"] for row in rows})
    groups = {machine: [row for row in rows if row["machine"] == machine] for machine in machines}
    return _draw_against(groups or {"": []}, "latency_ms", "milliseconds for one image (logarithmic)")


def plot_size(rows: Sequence[Row]) -> Figure:
    """Draw test accuracy against parameters; the line joins runs that none beats in both."""
    return _draw_against({"": rows}, "parameters", "parameters (logarithmic)", EngFormatter(sep=""))


def _draw_against(
    groups: Mapping[str, Sequence[Row]], cost: str, title: str, ticks: Formatter | str = "{x:g}"
) -> Figure:
    """Draw groups of runs whose costs compare within a group alone; several are told by name."""
    rows = [row for group in groups.values() for row in group]
    markers = choose_markers(rows)
    fronts = [find_front(group, cost) for group in groups.values()]
    with mpl.rc_context(STYLE):
        figure = new_figure(8, max(5, len(rows) / ROWS_PER_INCH))
        axes = figure.subplots()
        alone = len(groups) == 1
        for (name, group), front, color in zip(groups.items(), fronts, cycle(MACHINES), strict=False):
            label = "not beaten in both" if alone else f"not beaten in both: {name}"
            _draw_group(axes, group, front, cost, markers, (color, FRONT if alone else color), label)
        for origin, marker in markers.items():
            if origin:
                axes.plot([], [], marker=marker, ms=6, ls="", color=INK, label=f"from {origin}")
        axes.set_xscale("log")
        axes.margins(x=0.14, y=0.08)  # room for names
        axes.xaxis.set_major_formatter(ticks)
        # Names at 1, 2 and 5 of each decade fit side by side, however many decades there are.
        axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.xaxis.set_minor_formatter(ticks)
        axes.set_xlabel(title)
        axes.set_ylabel("test accuracy")
        axes.grid(alpha=0.25)
        if rows:
            figure.legend(loc="outside upper center", ncols=2, fontsize=9)
        points = {name_briefly(row): (row[cost], row["test_accuracy"]) for row in rows}
        lines = [[(row[cost], row["test_accuracy"]) for row in front] for front in fronts]
        write_labels(figure, axes, points, lines)
    return figure


def _draw_group(
    axes: Axes,
    rows: Sequence[Row],
    front: Sequence[Row],
    cost: str,
    markers: Mapping[str, str],
    colors: tuple[str, str],
    label: str,
) -> None:
    """Draw a group's runs in the first of `colors`, and in the second those of its front and their line."""
    axes.plot(
        [row[cost] for row in front],
        [row["test_accuracy"] for row in front],
        color=colors[1],
        drawstyle="steps-post",
        lw=1.5,
        label=label,
    )
    for row in rows:
        marker, color = markers[row["origin"] or ""], colors[1] if row in front else colors[0]
        axes.plot(row[cost], row["test_accuracy"], marker=marker, ms=6, ls="", color=color)


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
