"""Raw datasets: the records of a source in canonical order, in one file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lineup.errors import LineupError
from lineup.files import write_atomic


@dataclass(frozen=True)
class RawDataset:
    """A dataset as its source gives it, sorted by the bytes of its records.

    train_images, test_images: uint8 [n, height, width, channels]; train_labels, test_labels: int64 [n],
    indices into `classes`. The order makes the file the same from any source that has these records.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]


NAMED = 3
TENSORS = ("train_images", "train_labels", "test_images", "test_labels")


def write_raw(records: RawDataset, path: Path) -> None:
    """Write `records` as safetensors; the same records always give the same bytes.

    Raises LineupError for records that are not what `RawDataset` says: a source of one's own may err.
    """
    for found, expected in find_faults(records):
        raise LineupError(str(path), found, expected, "mend the source of this dataset")
    tensors = {name: getattr(records, name).contiguous() for name in TENSORS}
    metadata = {"lineup": json.dumps({"classes": records.classes})}
    write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata))


def read_raw(path: Path) -> RawDataset:
    """Read what `write_raw` wrote. Raises LineupError if the file is missing or is something else."""
    try:
        with safe_open(path, framework="pt") as file:
            classes = json.loads(file.metadata()["lineup"])["classes"]
            tensors = {name: file.get_tensor(name) for name in TENSORS}
    except Exception as error:
        raise LineupError(
            str(path), f"not readable ({error})", "a downloaded dataset", "run `dvc repro download`"
        ) from error
    return RawDataset(**tensors, classes=tuple(classes))


def find_faults(records: RawDataset) -> Iterator[tuple[str, str]]:
    """What is wrong with `records`, and what is expected instead."""
    classes = records.classes
    if not 2 <= len(set(classes)) == len(classes):
        yield f"classes {list(classes)}", "two classes or more, each with a name of its own"
    for split in ("train", "test"):
        images, labels = getattr(records, f"{split}_images"), getattr(records, f"{split}_labels")
        shape = list(images.shape)
        if images.dtype != torch.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or not all(shape):
            found = f"{split}_images {images.dtype} {shape}"
            yield found, "torch.uint8 [n, height, width, 1 or 3], none of them 0"
        elif shape[1:] != list(records.train_images.shape[1:]):
            yield f"{split}_images {shape}", f"those of train, {list(records.train_images.shape[1:])}"
        if labels.dtype != torch.int64 or list(labels.shape) != shape[:1]:
            yield f"{split}_labels {labels.dtype} {list(labels.shape)}", f"torch.int64 {shape[:1]}"
        elif not set(labels.tolist()) <= set(range(len(classes))):
            yield f"{split}_labels from {min(labels)} to {max(labels)}", f"0 to {len(classes) - 1}"
    if missing := set(range(len(classes))) - set(records.train_labels.tolist()):
        named = ", ".join(classes[label] for label in sorted(missing)[:NAMED])
        yield f"no image of {named} in train", "images of every class"
