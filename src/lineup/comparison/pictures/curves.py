"""Learning curves of one run or of all."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lineup.comparison.pictures.style import BAR, CLAIM, STYLE
from lineup.comparison.task import Row
from lineup.pictures import new_figure

# matplotlib's ten colours in four strokes, then their ten pale ones: as many runs are told apart by eye.
PAIRS = mpl.colormaps["tab20"].colors  # type: ignore[attr-defined]
STROKES = ("-", "--", ":", "-.")
STYLES = [(color, stroke) for colors in (PAIRS[::2], PAIRS[1::2]) for stroke in STROKES for color in colors]


def plot_overlay(curves: Sequence[Row], quantity: str, title: str) -> Figure:
    """Draw `quantity` on validation by epoch, a line a run."""
    runs = list(dict.fromkeys(row["run"] for row in curves))
    with mpl.rc_context(STYLE):
        figure = new_figure(8, 4.3 + 0.2 * (len(runs) // 5))
        axes = figure.subplots()
        for place, run in enumerate(runs):
            rows = [row for row in curves if (row["run"], row["split"]) == (run, "validation")]
            color, stroke = STYLES[place % len(STYLES)]
            _draw_curve(axes, rows, quantity, color=color, ls=stroke, lw=1.6, label=run)
        _name_axes(axes, title)
        figure.legend(loc="outside upper center", ncols=min(len(runs), 5), fontsize=8)
    return figure


def plot_run(curves: Sequence[Row], titles: Mapping[str, str]) -> Figure:
    """Draw the quantities of one run side by side by epoch: validation as a line, train dashed."""
    with mpl.rc_context(STYLE):
        figure = new_figure(8, 2.7)
        for axes, (quantity, title) in zip(figure.subplots(1, len(titles)), titles.items(), strict=True):
            for split, style, color in (("validation", "-", BAR), ("train", "--", CLAIM)):
                rows = [row for row in curves if row["split"] == split]
                _draw_curve(axes, rows, quantity, color=color, ls=style, label=split)
            _name_axes(axes, title)
        axes.legend(fontsize=8)
    return figure


def _draw_curve(axes: Axes, rows: Sequence[Row], quantity: str, **style: Any) -> None:
    marker = "." if len(rows) < 30 else None
    axes.plot([row["epoch"] for row in rows], [row[quantity] for row in rows], marker=marker, **style)


def _name_axes(axes: Axes, title: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel(title)
    axes.grid(alpha=0.25)
