"""The picture of a network's first filters."""

import math
from pathlib import Path

import torch
from torch import nn

from lineup.pictures import new_figure, plot_image, save_figure

COLUMNS, MOST = 16, 128


def plot_filters(net: nn.Module, path: Path) -> None:
    """Write a PNG of the kernels of the first layer of `net`; none if that is no convolution of images.

    Each kernel has its own scale: gray is 0, black and white are its largest weight below and above 0.
    """
    first = find_first_layer(net)
    if not isinstance(first, nn.Conv2d) or first.in_channels not in (1, 3):
        return
    kernels = first.weight.detach().float().cpu()[:MOST]
    rows = math.ceil(len(kernels) / COLUMNS)
    figure = new_figure(COLUMNS * 0.6, rows * 0.6 + 0.5)
    size = "x".join(map(str, first.kernel_size))
    shown = f"{len(kernels)} of {first.out_channels}" if len(kernels) < first.out_channels else len(kernels)
    figure.suptitle(f"First layer: {shown} filters of {size} pixels, each on its own scale", fontsize=11)
    for axes in figure.subplots(rows, COLUMNS, squeeze=False).flat:
        axes.axis("off")
    for axes, kernel in zip(figure.axes, kernels, strict=False):
        extent = kernel.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
        plot_image(axes, (kernel / extent + 1).permute(1, 2, 0) * 127.5)
    save_figure(figure, path)


def find_first_layer(net: nn.Module) -> nn.Module | None:
    """The first layer of `net` that has weights of its own."""
    return next(
        (layer for layer in net.modules() if any(True for _ in layer.parameters(recurse=False))), None
    )
