"""Images above what came back, and a map of the latents."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib import colormaps
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

from lineup.evaluation.evaluators.reconstruction.latent import Latent
from lineup.evaluation.scoring import Apply, Sample
from lineup.models import PixelModel
from lineup.pictures import new_figure, plot_image, save_figure, space

COLUMNS, ROWS = 8, 3
POINTS, COMPONENTS, PERPLEXITY = 2000, 50, 30.0


def plot_reconstructions(apply: Apply, model: PixelModel, sample: Sample, errors: Tensor, path: Path) -> None:
    """Write a PNG of images of `sample` with what came back below each, and its mean squared error.

    errors: float [n]. Shown are images evenly spaced from the least error to the largest.
    """
    places = space(errors.argsort(stable=True), COLUMNS * ROWS)
    images = sample.images[places]
    restored = apply(model, images).permute(0, 2, 3, 1) * 255
    figure = new_figure(COLUMNS * 1.25, ROWS * 2.75 + 0.5)
    size = f"{images.shape[2]}x{images.shape[1]} pixels"
    title = f"Test images of {size} above what came back, from the least error to the largest"
    figure.suptitle(title, fontsize=11)
    axes = figure.subplots(2 * ROWS, COLUMNS, squeeze=False)
    for one in axes.flat:
        one.axis("off")
    for number, (image, back) in enumerate(zip(images, restored, strict=True)):
        row, column = divmod(number, COLUMNS)
        plot_image(axes[2 * row, column], image)
        plot_image(axes[2 * row + 1, column], back)
        axes[2 * row, column].set_title(f"MSE {errors[places[number]]:.5f}", fontsize=8, pad=3)
    save_figure(figure, path)


def plot_latent(apply: Apply, latent: Latent, sample: Sample, classes: Sequence[str], path: Path) -> None:
    """Write a PNG of a map of `sample` by latent, coloured by class.

    The map: t-SNE (van der Maaten and Hinton 2008).
    """
    places = space(torch.arange(len(sample.labels)), POINTS)
    points = map_points(apply(latent, sample.images[places]).numpy())
    figure = new_figure(8.5, 6.5)
    axes = figure.subplots()
    axes.set_title(f"Latents of {len(places)} test images, t-SNE", fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    labels = sample.labels[places].numpy()
    for number, name in enumerate(classes):
        across, up = points[labels == number].T
        axes.scatter(across, up, s=9, color=paint(number, len(classes)), linewidths=0, label=name)
    figure.legend(loc="outside right upper", fontsize=9, markerscale=2.5, ncols=-(-len(classes) // 25))
    save_figure(figure, path)


def map_points(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place features [n, d] on a plane, [n, 2], by t-SNE after their first principal components.

    On one thread, since several add up in any order: the same features give the same map.
    """
    components = min(COMPONENTS, *features.shape)
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
    with threadpool_limits(1):
        reduced = PCA(components, svd_solver="randomized", random_state=0).fit_transform(features)
        points: NDArray[np.float32] = TSNE(perplexity=perplexity, random_state=0).fit_transform(reduced)
    return points


def paint(number: int, count: int) -> tuple[float, float, float, float]:
    """The colour of one of `count` classes: ten that differ well, more than that along the rainbow."""
    colors = colormaps["tab10"](number) if count <= 10 else colormaps["turbo"](number / (count - 1))
    red, green, blue, opacity = colors
    return red, green, blue, opacity
