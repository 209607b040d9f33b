"""The records in models/<run>: model.json, what rebuilds the models, and seed-<n>.json of each training."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from lineup.errors import LineupError
from lineup.files import write_text
from lineup.models import PixelModel, build_model

FILE = "model.json"


@dataclass(frozen=True)
class ModelRecord:
    """What the models of a run have in common.

    channels, size: of an image, whose side is in pixels; mean, std: what normalisation subtracts and divides
    by, one a channel, on the scale 0 to 255; precision, channels_last, threads: how it was computed.
    """

    task: str
    family: str
    spec: Mapping[str, JsonValue]
    classes: tuple[str, ...]
    channels: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    precision: str
    channels_last: bool
    threads: int
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class SeedRecord:
    """How the weights of one seed came about.

    fingerprint: of all that its training depended on; weights: SHA-256 of their file; rows: the learning
    curve, an epoch a row; trainable: how many parameters each phase trained.
    """

    fingerprint: str
    weights: str
    rows: list[dict[str, float | str]]
    trainable: dict[str, int]


def name_weights(folder: Path, seed: int) -> Path:
    """Where the weights of a seed lie."""
    return folder / f"seed-{seed}.safetensors"


def name_seed(folder: Path, seed: int) -> Path:
    """Where the record of a seed lies."""
    return folder / f"seed-{seed}.json"


def write_seed(record: SeedRecord, folder: Path, seed: int) -> None:
    """Write the record of a seed."""
    write_text(name_seed(folder, seed), json.dumps(asdict(record), indent=2) + "\n")


def read_seed(folder: Path, seed: int) -> SeedRecord:
    """What `write_seed` wrote. Raises LineupError if it is missing or damaged."""
    return SeedRecord(**_read(name_seed(folder, seed)))


def write_record(record: ModelRecord, folder: Path) -> None:
    """Write `record` into the folder of a run's models."""
    write_text(folder / FILE, json.dumps(asdict(record), indent=2) + "\n")


def read_record(folder: Path) -> ModelRecord:
    """What `write_record` wrote. Raises LineupError if it is missing or damaged."""
    values = _read(folder / FILE)
    lists = {key: tuple(values[key]) for key in ("classes", "mean", "std", "seeds")}
    return ModelRecord(**{**values, **lists})


def rebuild(record: ModelRecord) -> PixelModel:
    """Build the untrained model that `record` describes; its weights are loaded by the caller."""
    return build_model(
        record.family,
        record.spec,
        outputs=len(record.classes),
        channels=record.channels,
        size=record.size,
        mean=record.mean,
        std=record.std,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fix = f"run `dvc repro train@{path.parent.name}`"
        raise LineupError(str(path), f"not readable ({error})", "the record of a trained run", fix) from error
    return values
