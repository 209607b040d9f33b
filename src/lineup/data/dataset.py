"""Packed images: one uint8 file for what training may see, one for test, never a file an image."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from lineup.errors import LineupError
from lineup.files import write_bytes


@dataclass(frozen=True)
class ImageDataset:
    """Prepared images of one split or two.

    images: uint8 [n, height, width, channels]; labels: int64 [n]; ids: int64 [n], a hash of the raw
    pixels that is the same in every view; held_out: bool [n], True on validation images;
    mean, std: what normalisation subtracts and divides by, per channel, on the scale 0 to 255;
    channel_mean, channel_std: statistics of the dataset's whole train split in this view.
    """

    images: Tensor
    labels: Tensor
    ids: Tensor
    held_out: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channel_mean: tuple[float, ...]
    channel_std: tuple[float, ...]


TENSORS = ("images", "labels", "ids", "held_out")
FACTS = ("classes", "mean", "std", "channel_mean", "channel_std")


def write_dataset(dataset: ImageDataset, path: Path) -> None:
    """Write `dataset` as safetensors; the same dataset always gives the same bytes."""
    tensors = {name: getattr(dataset, name).contiguous() for name in TENSORS}
    # One metadata key: safetensors does not promise an order among several.
    metadata = {"lineup": json.dumps({name: getattr(dataset, name) for name in FACTS}, sort_keys=True)}
    write_bytes(path, save(tensors, metadata))


def read_dataset(path: Path) -> ImageDataset:
    """Read what `write_dataset` wrote. Raises LineupError if the file is missing or is something else."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["lineup"])
            tensors = {name: file.get_tensor(name) for name in TENSORS}
    except Exception as error:
        raise LineupError(
            str(path), f"not readable ({error})", "a packed view", "run `dvc repro preprocess`"
        ) from error
    values: dict[str, Any] = {**tensors, **{name: tuple(facts[name]) for name in FACTS}}
    return ImageDataset(**values)
