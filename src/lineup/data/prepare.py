"""Views: a dataset in the colour, size and normalisation that a run asks for."""

import hashlib
import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lineup.data.dataset import ImageDataset
from lineup.data.raw import RawDataset
from lineup.data.split import hold_out
from lineup.errors import LineupError

Color = Literal["rgb", "gray"]
Normalization = Literal["unit", "symmetric", "imagenet", "channel"]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]

LUMA = (299, 587, 114)  # ITU-R BT.601, in thousandths
# Of ImageNet's train images on the scale 0 to 255, as torchvision and timm give them: red, green, blue.
IMAGENET: Statistics = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
BATCH = 1000  # images resized at a time; bounds the memory of their float copies


def prepare(
    records: RawDataset,
    *,
    color: Color,
    size: int,
    validation: float,
    split_seed: int,
    normalize: Normalization,
) -> tuple[ImageDataset, ImageDataset]:
    """Prepare `records`: one pack to learn from (train and validation), one of the test images.

    size: side of the square images in pixels; validation: share of each class of the train images that
    is held out. Statistics are those of all train images, held out or not. Raises LineupError as `hold_out`
    does, and for normalize `channel` where a channel is the same in all of them.
    """
    images = resize(recolor(records.train_images, color), size)
    ids = identify(records.train_images)
    held_out = hold_out(records.train_labels, ids, records.classes, share=validation, seed=split_seed)
    channel_mean, channel_std = measure_channels(images)
    mean, std = _scale(normalize, (channel_mean, channel_std))
    learn = ImageDataset(
        images, records.train_labels, ids, held_out, records.classes, mean, std, channel_mean, channel_std
    )
    test = ImageDataset(
        resize(recolor(records.test_images, color), size),
        records.test_labels,
        identify(records.test_images),
        torch.zeros(len(records.test_labels), dtype=torch.bool),
        records.classes,
        mean,
        std,
        channel_mean,
        channel_std,
    )
    return learn, test


def identify(images: Tensor) -> Tensor:
    """Name each raw image, uint8 [n, h, w, c], by the first 8 bytes of its pixels' SHA-256: int64 [n].

    The bytes are read as a signed big-endian number. Views of one dataset share their ids.
    """
    digests = (hashlib.sha256(image.data).digest() for image in images.contiguous().numpy())
    return torch.tensor([int.from_bytes(digest[:8], "big", signed=True) for digest in digests])


def recolor(images: Tensor, color: Color) -> Tensor:
    """Give uint8 [n, h, w, 1 or 3] the channels of `color`: grey is the rounded ITU-R BT.601 luma.

    Grey images asked for as rgb have their one channel repeated.
    """
    channels = {"rgb": 3, "gray": 1}[color]
    if images.shape[-1] == channels:
        return images
    return images.expand(-1, -1, -1, 3) if color == "rgb" else _luma(images)


def _luma(images: Tensor) -> Tensor:
    # Whole numbers: the rounding is the same on every machine.
    red, green, blue = images.unbind(-1)
    weighted = red.int() * LUMA[0] + green.int() * LUMA[1] + blue.int() * LUMA[2]
    return ((weighted + 500) // 1000).to(torch.uint8).unsqueeze(-1)


def resize(images: Tensor, size: int) -> Tensor:
    """Resize uint8 [n, h, w, c] to [n, size, size, c], bilinearly and antialiased, rounded."""
    if images.shape[1:3] == (size, size):
        return images
    return torch.cat([_resize_batch(batch, size) for batch in torch.split(images, BATCH)])


def _resize_batch(images: Tensor, size: int) -> Tensor:
    planes = images.permute(0, 3, 1, 2).float()
    resized = interpolate(planes, size=(size, size), mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def measure_channels(images: Tensor) -> Statistics:
    """Mean and standard deviation (of the population) of each channel of uint8 [n, h, w, c], 0 to 255.

    Sums are exact whole numbers, so the result is the same to the last bit everywhere.
    """
    moments = [_measure(channel) for channel in images.unbind(-1)]
    return tuple(mean for mean, _ in moments), tuple(std for _, std in moments)


def _measure(channel: Tensor) -> tuple[float, float]:
    counts = torch.bincount(channel.flatten(), minlength=256).tolist()
    number = sum(counts)
    total = sum(value * count for value, count in enumerate(counts))
    squares = sum(value * value * count for value, count in enumerate(counts))
    return total / number, math.sqrt(number * squares - total * total) / number


def _scale(normalize: Normalization, statistics: Statistics) -> Statistics:
    channels = len(statistics[0])
    if normalize == "channel" and 0 in statistics[1]:
        raise LineupError(
            "normalize channel",
            f"channel {statistics[1].index(0) + 1} of {channels} is the same in all images of train",
            "channels that differ, to divide by their deviation",
            "set normalize to unit, or color to gray",
        )
    fixed: dict[str, Statistics] = {
        "unit": ((0.0,) * channels, (255.0,) * channels),
        "symmetric": ((127.5,) * channels, (127.5,) * channels),
        "imagenet": IMAGENET,
        "channel": statistics,
    }
    return fixed[normalize]
