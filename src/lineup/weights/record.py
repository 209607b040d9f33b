"""Initial weights with what must be known of them, and the two files that keep both."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from lineup.errors import LineupError
from lineup.files import write_bytes, write_text

PICKLES = (b"PK", b"\x80")  # a zip, as torch.save writes it, and a bare pickle


@dataclass(frozen=True)
class Record:
    """What weights are.

    mean, std: what their images were normalised with, one a channel, on the scale 0 to 255; origin: what
    names the very file that they come from.
    """

    source: str
    architecture: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    origin: dict[str, str | int]


@dataclass(frozen=True)
class Initial:
    """Tensors by the names of their network; without any, training starts from random weights."""

    tensors: dict[str, Tensor]
    record: Record | None


def read_tensors(path: Path, fix: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises LineupError for anything else, a pickle above all, which is not opened, and for values that are
    not finite.
    """
    try:
        with path.open("rb") as file:
            # The header of a safetensors file, a JSON object, stands behind its length, 8 bytes of any value.
            head = file.read(9)
            if head.startswith(PICKLES) and head[8:] != b"{":
                found = "a pickle, which can run code when it is read"
                raise LineupError(str(path), found, "a safetensors file", fix)
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        found = f"not readable ({' '.join(str(error).split())})"
        raise LineupError(str(path), found, "a safetensors file", fix) from error
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise LineupError(str(path), f"{name} has values that are not finite", "finite weights", fix)
    return tensors


def write_initial(initial: Initial, path: Path) -> None:
    """Write the tensors to `path`, with the record in the file's header, and the record as JSON beside it.

    The JSON has the file's SHA-256 too. A file without tensors has no header either.
    """
    record = initial.record
    # One metadata key: safetensors does not promise an order among several.
    metadata = {"lineup": json.dumps(vars(record), sort_keys=True)} if record else None
    content = save(initial.tensors, metadata)
    facts: dict[str, Any] = vars(record) if record else {"source": "none"}
    checksum = hashlib.sha256(content).hexdigest()
    write_bytes(path, content)
    write_text(path.with_suffix(".json"), json.dumps({**facts, "sha256": checksum}, indent=2) + "\n")
