"""Names beside the dots of a picture, none over another."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from lineup.comparison.pictures.style import INK

Point = tuple[float, float]
# Where a label may stand, as an offset in points from its dot: beside it first, then farther away.
OFFSETS = [
    (x * reach, y * reach)
    for reach in (7, 14, 24, 36, 50, 66, 84)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
]


def write_labels(
    figure: Figure, axes: Axes, names: Mapping[str, Point], lines: Iterable[Sequence[Point]]
) -> None:
    """Write each of `names` near its dot, at the first place where it covers neither dot nor name.

    lines: corners of each line of steps to keep off as well.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # places the axes, so that the labels can be placed
    figure.set_layout_engine("none")
    dots = [axes.transData.transform(point) for point in names.values()]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in dots]
    taken += [box for line in lines for box in _outline_steps(axes, line)]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    for name, point in names.items():
        taken.append(_write_label(axes, renderer, name, point, taken))


def _outline_steps(axes: Axes, line: Sequence[Point]) -> list[Bbox]:
    """Boxes around the steps that join the corners of `line`."""
    corners = [axes.transData.transform(point) for point in line]
    boxes = []
    for (left, low), (right, high) in pairwise(corners):
        boxes += [
            Bbox.from_extents(left, low - 1, right, low + 1),
            Bbox.from_extents(right - 1, low, right + 1, high),
        ]
    return boxes


def _write_label(axes: Axes, renderer: RendererBase, name: str, point: Point, taken: Sequence[Bbox]) -> Bbox:
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
