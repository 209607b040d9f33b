"""What a view looks like: some images of every class."""

from pathlib import Path

from lineup.data.dataset import ImageDataset
from lineup.pictures import new_figure, plot_image, save_figure, space

COLUMNS, ROWS = 10, 10


def plot_classes(dataset: ImageDataset, path: Path) -> None:
    """Write a PNG with a row of training images for each of the first ten classes.

    Images are spread evenly over a class, so that the same dataset always gives the same picture.
    """
    classes = dataset.classes[:ROWS]
    figure = new_figure(COLUMNS * 0.8 + 1, len(classes) * 0.8)
    grid = figure.subplots(len(classes), COLUMNS, squeeze=False)
    for number, name in enumerate(classes):
        places = ((dataset.labels == number) & ~dataset.held_out).nonzero().flatten()
        for axes, image in zip(grid[number], dataset.images[space(places, COLUMNS)], strict=False):
            plot_image(axes, image)
        grid[number][0].set_title(name, loc="left", fontsize=9, pad=3)
    for axes in grid.flat:
        axes.axis("off")
    save_figure(figure, path)
