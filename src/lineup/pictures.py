"""What all pictures of images share."""

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lineup.files import write_atomic

DPI = 100


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, laid out so that nothing overlaps."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG; the same figure always gives the same bytes."""
    write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", metadata={"Software": None}))


def plot_image(axes: Axes, image: Tensor) -> None:
    """Show one image, uint8 or float [h, w, c] on the scale 0 to 255; one channel is gray."""
    gray = image.shape[2] == 1
    pixels = image.round().to(torch.uint8).numpy() if image.is_floating_point() else image.numpy()
    axes.imshow(pixels[..., 0] if gray else pixels, cmap="gray" if gray else None, vmin=0, vmax=255)


def space(places: Tensor, count: int) -> Tensor:
    """Up to `count` of `places`, evenly spaced from the first to the last."""
    shown = min(count, len(places))
    return places[torch.arange(shown) * (len(places) - 1) // max(shown - 1, 1)]
