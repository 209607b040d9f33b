"""What a view looks like: some images of every class."""

from pathlib import Path

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from lineup.data.pack import Pack
from lineup.files import write_atomic

COLUMNS, ROWS = 10, 10


def draw_classes(pack: Pack, path: Path) -> None:
    """Write a PNG with a row of training images for each of the first ten classes.

    Images are spread evenly over a class, so that the same pack always gives the same picture.
    """
    classes = pack.classes[:ROWS]
    figure = Figure(figsize=(COLUMNS + 1.2, len(classes)), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(classes), COLUMNS, squeeze=False)
    for number, name in enumerate(classes):
        images = pack.images[choose_evenly((pack.labels == number) & ~pack.held_out, COLUMNS)]
        for axes, image in zip(grid[number], images, strict=False):
            pixels = image[..., 0] if image.shape[2] == 1 else image
            axes.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=255)
        grid[number][0].set_title(name, loc="left", fontsize=9, pad=3)
    for axes in grid.flat:
        axes.axis("off")
    write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", metadata={"Software": None}))


def choose_evenly(chosen: Tensor, count: int) -> Tensor:
    """Places of up to `count` true values of bool [n], spread evenly: int64."""
    places = chosen.nonzero().flatten()
    shown = min(count, len(places))
    return places[torch.arange(shown) * len(places) // max(shown, 1)]
