"""What augmentation does to an image: the picture to look at before believing a recipe."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from lineup.pictures import new_figure, plot_image, save_figure


def plot_variations(images: Tensor, variations: Sequence[Tensor], path: Path) -> None:
    """Write a PNG with an image a column, and below it what an epoch each made of it.

    images: uint8 [n, h, w, c]; variations: one tensor of that shape an epoch, uint8 or float from 0 to 255.
    """
    rows = [("as it is", images), *((f"epoch {epoch}", varied) for epoch, varied in enumerate(variations, 1))]
    figure = new_figure(len(images) * 0.9 + 0.5, len(rows) * 0.9)
    grid = figure.subplots(len(rows), len(images), squeeze=False)
    for cells, (name, shown) in zip(grid, rows, strict=True):
        for axes, image in zip(cells, shown.clamp(0, 255), strict=True):
            plot_image(axes, image)
            axes.set(xticks=[], yticks=[])
        cells[0].set_ylabel(name, fontsize=8)
    save_figure(figure, path)
