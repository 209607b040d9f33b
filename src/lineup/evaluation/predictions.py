"""What every seed answered for every image, kept so that runs can be compared image by image."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lineup.errors import LineupError
from lineup.files import write_atomic

SPLITS = ("val", "test")
TENSORS = ("ids", "labels", "probabilities")


@dataclass(frozen=True)
class Answers:
    """Answers on one split.

    ids: int64 [n], the images' hashes; labels: int64 [n]; probabilities: float32 [seeds, n, classes].
    """

    ids: Tensor
    labels: Tensor
    probabilities: Tensor


@dataclass(frozen=True)
class Predictions:
    """Answers of a run: its seeds in order, its classes, and the splits `val` and `test`."""

    seeds: tuple[int, ...]
    classes: tuple[str, ...]
    splits: dict[str, Answers]


def digest_ids(ids: Tensor) -> str:
    """SHA-256 of image ids int64 [n] in their order, as hexadecimal text."""
    return hashlib.sha256(ids.numpy().astype("<i8").tobytes()).hexdigest()


def write_predictions(predictions: Predictions, path: Path, kept: Mapping[str, Tensor]) -> None:
    """Write `predictions` as safetensors; the same ones always give the same bytes.

    kept: tensors beside them that belong to the run's task, by split and name.
    """
    tensors = {
        f"{split}.{name}": getattr(predictions.splits[split], name).contiguous()
        for split in SPLITS
        for name in TENSORS
    }
    tensors |= kept
    facts = {
        "seeds": predictions.seeds,
        "classes": predictions.classes,
        "ids": {split: digest_ids(predictions.splits[split].ids) for split in SPLITS},
    }
    # One metadata key: safetensors does not promise an order among several.
    metadata = {"lineup": json.dumps(facts, sort_keys=True)}
    write_atomic(path, lambda temporary: save_file(tensors, temporary, metadata))


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises LineupError if the file is missing, is something else, or its ids are not the ones it was
    written with.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["lineup"])
            splits = {
                split: Answers(*(file.get_tensor(f"{split}.{name}") for name in TENSORS)) for split in SPLITS
            }
    except Exception as error:
        raise LineupError(str(path), f"not readable ({error})", "predictions", _fix(path)) from error
    for split, answers in splits.items():
        found, expected = digest_ids(answers.ids), facts["ids"][split]
        if found != expected:
            raise LineupError(str(path), f"ids of {split} have SHA-256 {found}", expected, _fix(path))
    return Predictions(tuple(facts["seeds"]), tuple(facts["classes"]), splits)


def refuse_unaligned(digests: Mapping[str, str]) -> None:
    """Raise LineupError, naming two runs, unless all `digests` {run: digest of its image ids} are equal."""
    runs = list(digests)
    for run in runs[1:]:
        if digests[run] != digests[runs[0]]:
            raise LineupError(
                f"predictions of {run}",
                f"other images or another order than those of {runs[0]} ({digests[run]})",
                digests[runs[0]],
                "evaluate both runs on the same dataset",
            )


def _fix(path: Path) -> str:
    return f"run `dvc repro evaluate@{path.stem}`"
