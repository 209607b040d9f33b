"""Measured runs as pictures: accuracy with intervals, error, accuracy against cost, gaps, learning curves."""

import io
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import EngFormatter, Formatter, LogLocator, MaxNLocator
from matplotlib.transforms import Bbox

from lineup.comparison.figures import format_figure, name_metric
from lineup.comparison.task import Row
from lineup.pictures import new_figure

# One colour for everything that is ink, so that the report can replace it by the page's own.
INK = "#24292f"
BAR, CLAIM, FRONT = "#4c8fd0", "#e36209", "#2da44e"
MARK: dict[str, Any] = {"color": CLAIM, "marker": "|", "mew": 3, "ls": ""}
SVG_ID = re.compile(r' id="([^"]*)"')
SVG_USE = re.compile(r'(url\(#|href="#)([^")]+)')
STROKES = ("-", "--", ":", "-.")
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
# Where a label may stand, as an offset in points from its dot: beside it first, then farther away.
OFFSETS = [
    (x * reach, y * reach)
    for reach in (7, 14, 24, 36, 50)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
]


def draw_accuracy(rows: Sequence[Row]) -> Figure:
    """Draw test accuracy with its interval as a bar a measured run, best first, claims as marks."""
    with mpl.rc_context(STYLE):
        figure, axes = _draw_bars(rows, "accuracy", "test accuracy, 95 % interval")
        for place, row in enumerate(rows):
            sides = [[row["test_accuracy"] - row["test_low"]], [row["test_high"] - row["test_accuracy"]]]
            axes.errorbar(row["test_accuracy"], place, xerr=sides, color=INK, capsize=3, lw=1.2)
        axes.set_xlim(0, 1.1)
        axes.set_xticks([tenth / 10 for tenth in range(0, 11, 2)])
    return figure


def draw_error(rows: Sequence[Row]) -> Figure:
    """Draw mean squared error on test as a bar a measured run, best first, claims as marks."""
    with mpl.rc_context(STYLE):
        figure, axes = _draw_bars(rows, "mse", "mean squared error on test")
        axes.set_xlim(0, 1.2 * max(max(row["test_mse"], _find_claim(row, "mse")) for row in rows))
    return figure


def _draw_bars(rows: Sequence[Row], quantity: str, label: str) -> tuple[Figure, Axes]:
    """A bar a row for `quantity` on test, its number behind it, and a mark for what a report claims."""
    figure = new_figure(8, 1.3 + 0.34 * max(len(rows), 1))
    axes, metric = figure.subplots(), f"test_{quantity}"
    for place, row in enumerate(rows):
        value, claim = row[metric], _find_claim(row, quantity)
        axes.barh(place, value, color=BAR, height=0.62)
        if claim:
            axes.plot(claim, place, ms=16, **MARK)
        end, text = max(value, claim, row["test_high"] or 0), format_figure(metric, value)
        axes.annotate(text, (end, place), (8, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    axes.invert_yaxis()
    axes.margins(y=0.02)
    axes.set_xlabel(name_metric(quantity))
    marks = [Line2D([], [], color=BAR, lw=7, label=label)]
    if any(_find_claim(row, quantity) for row in rows):
        marks.append(Line2D([], [], label="claimed by the report (test or validation)", ms=12, **MARK))
    figure.legend(handles=marks, loc="outside upper center", ncols=2, fontsize=9)
    return figure, axes


def _find_claim(row: Row, quantity: str) -> float:
    """What the row's report claims of `quantity` on test or validation; 0 if nothing."""
    named = row["claimed_metric"] in (f"test_{quantity}", f"val_{quantity}")
    return row["claimed"] or 0.0 if named else 0.0


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
        for row in rows:
            color = FRONT if row in front else BAR
            axes.plot(row[cost], row["test_accuracy"], marker="o", ms=6, ls="", color=color)
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
        _write_labels(figure, axes, rows, cost)
    return figure


def draw_gap(rows: Sequence[Row]) -> Figure:
    """Draw how far accuracy on train lies above that on validation, a line a run, the widest gap first."""
    ranked = sorted(rows, key=lambda row: -row["gap"])
    with mpl.rc_context(STYLE):
        figure = new_figure(8, 1.3 + 0.34 * max(len(rows), 1))
        axes = figure.subplots()
        for place, row in enumerate(ranked):
            ends = row["val_accuracy"], row["train_accuracy"]
            axes.plot(ends, (place, place), color=BAR, lw=2, zorder=1)
            axes.scatter(ends, (place, place), color=(BAR, CLAIM), s=36, zorder=2)
            axes.annotate(
                f"{row['gap']:+.3f}", (max(ends), place), (8, 0), textcoords="offset points", va="center",
                fontsize=9,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [_label(row) for row in ranked])
        axes.invert_yaxis()
        axes.margins(x=0.1, y=0.04)
        axes.set_xlabel("accuracy")
        axes.grid(axis="x", alpha=0.25)
        names = {"on validation": BAR, "on train, without augmentation": CLAIM}
        dots = [Line2D([], [], color=color, marker="o", ls="", label=name) for name, color in names.items()]
        figure.legend(handles=dots, loc="outside upper center", ncols=2, fontsize=9)
    return figure


def draw_overlay(curves: Sequence[Row], quantity: str, title: str) -> Figure:
    """Draw `quantity` on validation by epoch, a line a run."""
    runs = list(dict.fromkeys(row["run"] for row in curves))
    colors = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]
    with mpl.rc_context(STYLE):
        figure = new_figure(8, 4.3 + 0.2 * (len(runs) // 5))
        axes = figure.subplots()
        for place, run in enumerate(runs):
            rows = [row for row in curves if (row["run"], row["split"]) == (run, "validation")]
            style = STROKES[place // len(colors) % len(STROKES)]
            _draw_curve(axes, rows, quantity, color=colors[place % len(colors)], ls=style, lw=1.6, label=run)
        _name_axes(axes, title)
        figure.legend(loc="outside upper center", ncols=min(len(runs), 5), fontsize=8)
    return figure


def draw_run(curves: Sequence[Row], titles: Mapping[str, str]) -> Figure:
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


def find_front(rows: Sequence[Row], cost: str) -> list[Row]:
    """The Pareto front, cheapest first: runs that no other run matches in `cost` and beats in accuracy."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda row: (row[cost], -row["test_accuracy"])):
        same = front and (row[cost], row["test_accuracy"]) == (front[-1][cost], front[-1]["test_accuracy"])
        if not front or same or row["test_accuracy"] > front[-1]["test_accuracy"]:
            front.append(row)
    return front


def format_svg(figure: Figure, name: str) -> str:
    """An SVG element for an HTML page: no background, ink in the colour of the text around it.

    name: what its ids begin with. Those of other pictures on the page begin otherwise.
    """
    text = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return _name_ids(svg[svg.index("<svg") :].replace(INK, "currentColor"), name)


def _name_ids(svg: str, name: str) -> str:
    """Put `name` before each id; those that nothing in the picture refers to, nearly all, go."""
    used = {place for _, place in SVG_USE.findall(svg)}
    svg = SVG_ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    return SVG_USE.sub(rf"\1{name}-\2", svg)


def _label(row: Row) -> str:
    """The run, what it starts from if not from random weights, and the row that it stands for."""
    origin = f" from {row['origin']}" if row["origin"] else ""
    return f"{row['run']}{origin} ({row['row']})" if row["row"] else f"{row['run']}{origin}"


def _write_labels(figure: Figure, axes: Axes, rows: Sequence[Row], cost: str) -> None:
    """Write each run's name near its dot, at the first place where it covers neither dot nor name."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # places the axes, so that the labels can be placed
    figure.set_layout_engine("none")
    points = [(row[cost], row["test_accuracy"]) for row in rows]
    dots = [axes.transData.transform(point) for point in points]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in dots]
    taken += _outline_front(axes, [(row[cost], row["test_accuracy"]) for row in find_front(rows, cost)])
    legend = axes.get_legend()
    if legend:
        taken.append(legend.get_window_extent())
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    for row, point in zip(rows, points, strict=True):
        taken.append(_write_label(axes, renderer, _label(row), point, taken))


def _outline_front(axes: Axes, front: Sequence[tuple[float, float]]) -> list[Bbox]:
    """Boxes around the steps of the front's line, for labels to keep off."""
    corners = [axes.transData.transform(point) for point in front]
    boxes = []
    for (left, low), (right, high) in pairwise(corners):
        boxes += [
            Bbox.from_extents(left, low - 1, right, low + 1),
            Bbox.from_extents(right - 1, low, right + 1, high),
        ]
    return boxes


def _write_label(
    axes: Axes, renderer: RendererBase, name: str, point: tuple[float, float], taken: Sequence[Bbox]
) -> Bbox:
    box = Bbox.null()
    for x, y in OFFSETS:
        text = axes.annotate(
            name,
            point,
            (x, y),
            textcoords="offset points",
            fontsize=8,
            ha={1: "left", 0: "center", -1: "right"}[(x > 0) - (x < 0)],
            va={1: "bottom", 0: "center", -1: "top"}[(y > 0) - (y < 0)],
            arrowprops={"arrowstyle": "-", "color": INK, "lw": 0.5, "alpha": 0.6}
            if abs(x) + abs(y) > 14
            else None,
        )
        # The words only: Annotation's own extent would hold the arrow too.
        text.update_positions(renderer)
        box = Text.get_window_extent(text)
        if axes.bbox.containsx(box.x0) and axes.bbox.containsx(box.x1) and not box.count_overlaps(taken):
            break
        if (x, y) != OFFSETS[-1]:
            text.remove()
    return box
