"""What all pictures share, and the picture of a network's first filters."""

import math
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from lineup.files import write_atomic

DPI = 100
FILTER_COLUMNS, MOST_FILTERS = 16, 128


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, laid out so that nothing overlaps."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG; the same figure always gives the same bytes."""
    write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", metadata={"Software": None}))


def draw_image(axes: Axes, image: Tensor) -> None:
    """Show one image, uint8 or float [h, w, c] on the scale 0 to 255; one channel is gray."""
    gray = image.shape[2] == 1
    pixels = image.round().to(torch.uint8).numpy() if image.is_floating_point() else image.numpy()
    axes.imshow(pixels[..., 0] if gray else pixels, cmap="gray" if gray else None, vmin=0, vmax=255)


def draw_filters(net: nn.Module, path: Path) -> None:
    """Write a PNG of the kernels of the first layer of `net`; none if that is no convolution of images.

    Each kernel has its own scale: gray is 0, black and white are its largest weight below and above 0.
    """
    first = find_first_layer(net)
    if not isinstance(first, nn.Conv2d) or first.in_channels not in (1, 3):
        return
    kernels = first.weight.detach().float().cpu()[:MOST_FILTERS]
    rows = math.ceil(len(kernels) / FILTER_COLUMNS)
    figure = new_figure(FILTER_COLUMNS * 0.6, rows * 0.6 + 0.5)
    size = "x".join(map(str, first.kernel_size))
    shown = f"{len(kernels)} of {first.out_channels}" if len(kernels) < first.out_channels else len(kernels)
    figure.suptitle(f"First layer: {shown} filters of {size} pixels, each on its own scale", fontsize=11)
    for axes in figure.subplots(rows, FILTER_COLUMNS, squeeze=False).flat:
        axes.axis("off")
    for axes, kernel in zip(figure.axes, kernels, strict=False):
        extent = kernel.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
        draw_image(axes, (kernel / extent + 1).permute(1, 2, 0) * 127.5)
    save_figure(figure, path)


def find_first_layer(net: nn.Module) -> nn.Module | None:
    """The first layer of `net` that has weights of its own."""
    return next(
        (layer for layer in net.modules() if any(True for _ in layer.parameters(recurse=False))), None
    )
