"""Raw datasets: the records of a source in canonical order, in one file."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lineup.errors import LineupError
from lineup.files import write_atomic


@dataclass(frozen=True)
class Records:
    """A dataset as its source gives it, sorted by the bytes of its records.

    train_images, test_images: uint8 [n, height, width, channels]; train_labels, test_labels: int64 [n],
    indices into `classes`. The order makes the file the same from any source that has these records.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]


TENSORS = ("train_images", "train_labels", "test_images", "test_labels")


def write_records(records: Records, path: Path) -> None:
    """Write `records` as safetensors; the same records always give the same bytes."""
    tensors = {name: getattr(records, name).contiguous() for name in TENSORS}
    metadata = {"lineup": json.dumps({"classes": records.classes})}
    write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata))


def read_records(path: Path) -> Records:
    """Read what `write_records` wrote. Raises LineupError if the file is missing or is something else."""
    try:
        with safe_open(path, framework="pt") as file:
            classes = json.loads(file.metadata()["lineup"])["classes"]
            tensors = {name: file.get_tensor(name) for name in TENSORS}
    except Exception as error:
        raise LineupError(
            str(path), f"not readable ({error})", "a downloaded dataset", "run `dvc repro download`"
        ) from error
    return Records(**tensors, classes=tuple(classes))
