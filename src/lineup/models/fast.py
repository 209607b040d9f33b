"""A small network made to learn fast, after Page (2019) and Jordan's airbench (2024).

A frozen first convolution decorrelates the pixels of each patch; every block halves the resolution; every
kernel starts as (partly) the identity, and batch norms have no scale, only a bias.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineup.models.small_feature_maps import speed_up

PATCH = 2
# The running statistics of batch norm forget fast, for a training has few steps.
STATISTICS_RATE = 0.4
VARIANCE_FLOOR = 5e-4


class Fast(nn.Module):
    """Images [n, channels, size, size] to logits [n, outputs]."""

    def __init__(self, outputs: int, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        directions = 2 * channels * PATCH**2
        self.whitening = nn.Conv2d(channels, directions, PATCH)
        self.whitening.weight.requires_grad_(False)
        nn.init.zeros_(self.whitening.bias)  # type: ignore[arg-type]
        blocks = [_block(features, width) for features, width in pairwise([directions, *widths])]
        self.blocks = speed_up(nn.Sequential(*blocks))
        self.head = nn.Linear(widths[-1], outputs, bias=False)
        nn.init.normal_(self.head.weight, std=1 / widths[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Apply the network."""
        features = self.blocks(functional.gelu(self.whitening(images)))
        logits: Tensor = self.head(features.amax((2, 3)))
        return logits

    def start_from(self, images: Tensor) -> None:
        """Set the first convolution to the principal directions of patches of `images`, scaled to variance 1.

        images: float32 [n, c, h, w]. Each direction comes with both signs, so that no activation loses one.
        """
        variances, directions = torch.linalg.eigh(_covariance(images))
        scaled = directions.T / (variances + VARIANCE_FLOOR).sqrt()[:, None]
        kernels = scaled.view(-1, images.shape[1], PATCH, PATCH)
        self.whitening.weight.data = torch.cat([kernels, -kernels])


def build(*, outputs: int, channels: int, size: int, widths: Sequence[int]) -> nn.Module:
    """Build the network with blocks of these widths: images [n, channels, size, size] to logits."""
    return Fast(outputs, channels, widths)


def _block(features: int, width: int) -> nn.Module:
    return nn.Sequential(
        _convolution(features, width), nn.MaxPool2d(2), _norm(width), nn.GELU(),
        _convolution(width, width), _norm(width), nn.GELU(),
    )  # fmt: skip


def _convolution(features: int, width: int) -> nn.Conv2d:
    convolution = nn.Conv2d(features, width, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[:features])
    return convolution


def _norm(width: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(width, momentum=STATISTICS_RATE)
    norm.weight.requires_grad_(False)
    return norm


def _covariance(images: Tensor) -> Tensor:
    """Covariance of the pixels of all patches, [c * PATCH**2, c * PATCH**2]."""
    patches = (
        images.unfold(2, PATCH, 1).unfold(3, PATCH, 1).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
    )
    return patches.T @ patches / len(patches)
