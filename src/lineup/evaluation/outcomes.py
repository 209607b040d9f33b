"""What every seed made of every test image, small enough for git: any clone can test a difference.

data/predictions holds all answers, but in DVC's cache, which a clone or a pull request's machine may lack.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lineup.errors import LineupError
from lineup.files import write_atomic


@dataclass(frozen=True)
class Outcomes:
    """A run on test.

    seeds: in order; ids: the digest of the images' ids, by `predictions.digest_ids`; values: float64
    [seeds, n], 1 or 0 for right or wrong, or the error of each image.
    """

    seeds: tuple[int, ...]
    ids: str
    values: NDArray[np.float64]


def write_outcomes(seeds: Sequence[int], ids: str, values: Tensor, path: Path) -> None:
    """Write `values`, bool or float32 [seeds, n], as safetensors; the same ones always give the same bytes.

    Right and wrong take a bit an image.
    """
    bits = values.dtype == torch.bool
    kept = torch.from_numpy(np.packbits(values.numpy(), axis=1)) if bits else values.contiguous()
    facts = {"seeds": list(seeds), "images": values.shape[1], "ids": ids}
    # One metadata key: safetensors does not promise an order among several.
    metadata = {"lineup": json.dumps(facts, sort_keys=True)}
    write_atomic(path, lambda temporary: save_file({"bits" if bits else "errors": kept}, temporary, metadata))


def read_outcomes(path: Path) -> Outcomes:
    """Read what `write_outcomes` wrote. Raises LineupError if the file is missing or is something else."""
    try:
        with safe_open(path, framework="np") as file:
            facts = json.loads(file.metadata()["lineup"])
            (name,) = file.keys()
            kept = file.get_tensor(name)
        values = np.unpackbits(kept, axis=1, count=facts["images"]) if name == "bits" else kept
        return Outcomes(tuple(facts["seeds"]), facts["ids"], values.astype(np.float64))
    except Exception as error:
        fix = f"run `dvc repro evaluate@{path.stem}`"
        raise LineupError(str(path), f"not readable ({error})", "outcomes of test images", fix) from error
