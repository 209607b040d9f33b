"""A sweep as a picture: a heatmap of a full grid of two parameters, else parallel coordinates."""

from collections.abc import Sequence
from math import log, prod
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pydantic import JsonValue

from lineup.comparison.pictures.style import INK, STYLE
from lineup.pictures import new_figure
from sweep.results import Row, choose, shorten
from sweep.schema import Sweep

BEST = "#e36209"
# Lines through the same value of a parameter spread over this share of the room between two values.
SPREAD = 0.5
# More numbers than these are drawn to scale, and only the ends and the best are written; beyond this factor
# between the ends the scale is logarithmic.
MANY, WIDE = 6, 10.0
BESIDE: dict[str, Any] = {
    "textcoords": "offset points",
    "va": "center",
    "fontsize": 9,
    "zorder": 4,
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
}


def draw(name: str, sweep: Sweep, rows: Sequence[Row]) -> Figure:
    """Draw the validation figure of every finished row, the best one marked."""
    with mpl.rc_context(STYLE):
        figure = new_figure(max(2 + 1.5 * len(sweep.varied), 6.5), 4.5)
        axes = figure.subplots()
        if len(sweep.varied) == 2 and len(rows) == prod(map(len, sweep.grid.values())):
            _draw_heatmap(axes, sweep, rows)
        else:
            _draw_parallel(axes, sweep, rows)
        axes.set_title(f"Sweep {name}: {sweep.metric}, best ({sweep.best.split()[0]}) in orange", fontsize=11)
    return figure


def _draw_heatmap(axes: Axes, sweep: Sweep, rows: Sequence[Row]) -> None:
    """One cell a pair of values; a point without a result stays white."""
    labels, (down, across), best = shorten(sweep.grid), sweep.varied, choose(sweep, rows)
    figures = _list_figures(rows)
    for row in rows:
        if row.result:
            y, x = (sweep.grid[key].index(row.point.values[key]) for key in (down, across))
            color = _color(sweep, _share(row.result.validation, figures))
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, color=color, lw=0))
            ink = INK if sum(color[:3]) > 1.5 else "white"
            axes.text(x, y, f"{row.result.validation:.5g}", ha="center", va="center", color=ink)
            if row is best:
                axes.add_patch(
                    Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=BEST, lw=4, zorder=3)
                )
    axes.set_xticks(range(len(sweep.grid[across])), _texts(sweep.grid[across]))
    axes.set_yticks(range(len(sweep.grid[down])), _texts(sweep.grid[down]))
    axes.set_xlim(-0.52, len(sweep.grid[across]) - 0.48)
    axes.set_ylim(len(sweep.grid[down]) - 0.48, -0.52)
    axes.set_xlabel(labels[across])
    axes.set_ylabel(labels[down])


def _draw_parallel(axes: Axes, sweep: Sweep, rows: Sequence[Row]) -> None:
    """One line a point, over an upright for each varied parameter and, at the right, the figure."""
    figures, best, end = _list_figures(rows), choose(sweep, rows), len(sweep.varied)
    for row in rows:
        if row.result:
            share = _share(row.result.validation, figures)
            aside = SPREAD * (share - 0.5)
            heights = [_height(sweep.grid[key], row.point.values[key], aside) for key in sweep.varied]
            look: dict[str, Any] = {"color": _color(sweep, share), "lw": 1.5}
            if row is best:
                look = {"color": BEST, "lw": 3, "zorder": 3}
            axes.plot([*heights, share], **look)
    for place, key in enumerate(sweep.varied):
        values = sweep.grid[key]
        for value in _choose_written(values, best.point.values[key] if best else None):
            height = _height(values, value, 0)
            axes.annotate(str(value), (place, height), (-6, 0), ha="right", **BESIDE)
    for figure in sorted({*figures[:1], *figures[-1:]}):
        axes.annotate(f"{figure:.5g}", (end, _share(figure, figures)), (6, 0), **BESIDE)
    for place in range(end + 1):
        axes.axvline(place, color=INK, lw=0.8)
    labels = shorten(sweep.grid)
    axes.set_xticks(range(end + 1), [*(labels[key] for key in sweep.varied), sweep.metric])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.4, end + 0.4)
    axes.set_ylim(-0.02, 1.02)


def _list_figures(rows: Sequence[Row]) -> list[float]:
    """The figures of validation that there are, from the lowest to the highest."""
    return sorted(row.result.validation for row in rows if row.result)


def _share(figure: float, figures: Sequence[float]) -> float:
    """How far up `figure` stands between the lowest and the highest; in the middle if all are equal."""
    low, high = figures[0], figures[-1]
    return (figure - low) / (high - low) if high > low else 0.5


def _height(values: Sequence[JsonValue], value: JsonValue, aside: float) -> float:
    """Where `value` stands on an upright from 0 to 1, moved by `aside` in rooms between two values."""
    if numbers := _numbers_to_scale(values):
        low, high, there = min(numbers), max(numbers), numbers[values.index(value)]
        if low > 0 and high > WIDE * low:
            low, high, there = log(low), log(high), log(there)
        return (there - low) / (high - low)
    return (values.index(value) + 0.5 + aside) / len(values)


def _numbers_to_scale(values: Sequence[JsonValue]) -> list[float]:
    """`values` as numbers, if they are drawn to scale; nothing for names, or for few."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return [float(value) for value in numbers] if len(numbers) == len(values) > MANY else []


def _choose_written(values: Sequence[JsonValue], best: JsonValue) -> list[JsonValue]:
    """Those of `values` that are written beside an upright."""
    numbers = _numbers_to_scale(values)
    chosen = (min(numbers), max(numbers), best) if numbers else values
    return [value for value in values if value in chosen]


def _color(sweep: Sweep, share: float) -> tuple[float, float, float, float]:
    """Bright is good."""
    return mpl.colormaps["viridis"](share if sweep.sign > 0 else 1 - share)


def _texts(values: Sequence[JsonValue]) -> list[str]:
    return [str(value) for value in values]
