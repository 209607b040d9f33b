"""Test images that train has as well, exactly or nearly: a model may remember them, and not know more."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from lineup.data.prepare import identify
from lineup.data.raw import RawDataset

# Images are compared as GRID x GRID means of their pixels. Smaller ones have too little in them: of different
# handwritten digits of 8 x 8 pixels, many correlate as much as photographs of one scene do.
GRID, SMALLEST = 8, 16
# On CIFAR-10, 96 % of the pairs above it share their class, by chance it would be a tenth; below it, pairs of
# different ships before the same sky begin. Barz and Denzler (2020, ciFAIR) found 3.3 % by hand.
ALIKE = 0.96
CHUNK = 500


@dataclass(frozen=True)
class Duplicates:
    """Places of test images, int64: those with the same pixels as one of train, and others close to one.

    near is None where images are too small to tell.
    """

    exact: Tensor
    near: Tensor | None


def find_duplicates(records: RawDataset) -> Duplicates:
    """Find what test shares with train.

    Near are images whose GRID x GRID means, mirrored or not, correlate by ALIKE or more over all pixels and
    channels with those of an image of train. Brightness and contrast make no difference.
    """
    known = identify(records.train_images)
    exact = torch.isin(identify(records.test_images), known)
    if min(records.test_images.shape[1:3]) < SMALLEST:
        return Duplicates(exact.nonzero().flatten(), None)
    train, test = describe(records.train_images), records.test_images
    near = _reach(describe(test), train) | _reach(describe(test.flip(2)), train)
    return Duplicates(exact.nonzero().flatten(), (near & ~exact).nonzero().flatten())


def describe(images: Tensor) -> Tensor:
    """Make of uint8 [n, h, w, c] float32 [n, values], so that products of two are their correlation."""
    return torch.cat([_describe(chunk) for chunk in torch.split(images, CHUNK)])


def _describe(images: Tensor) -> Tensor:
    window = (images.shape[1] // GRID, images.shape[2] // GRID)
    values = avg_pool2d(images.permute(0, 3, 1, 2).float(), window).flatten(1)
    centred = values - values.mean(1, keepdim=True)
    described: Tensor = centred / centred.norm(dim=1, keepdim=True).clamp(min=1e-3)
    return described


def _reach(test: Tensor, train: Tensor) -> Tensor:
    return torch.cat([(chunk @ train.T).amax(1) >= ALIKE for chunk in torch.split(test, CHUNK)])
