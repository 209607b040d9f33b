"""What the parameters come to for one run: frozen values, every one of them given.

config/resolve.py makes them of the parameters, `resolved/` keeps them, and stages hand them on. Defaults
stand in config/schema.py alone. A field that is added here is an annotation, and so changes no identity; the
code that reads it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue


@dataclass(frozen=True)
class Schedule:
    """A learning-rate schedule; None for what one of its name does not have (training/schedule.py)."""

    name: str
    warmup: float | None
    factor: float | None
    patience: int | None
    floor: float | None


@dataclass(frozen=True)
class Phase:
    """A part of a training, with all that holds in it; one without a name is the whole training.

    dropout: the rate of the head, None for the model's own; layer_decay: the first trained layer's learning
    rate as a fraction of the last one's, None for the same rate in all.
    """

    name: str
    epochs: int
    optimizer: str
    lr: float
    momentum: float
    weight_decay: float
    schedule: Schedule
    patience: int
    trainable: str | float
    dropout: float | None
    layer_decay: float | None


@dataclass(frozen=True)
class Recipe:
    """How a model is trained: what holds throughout, and the phases in their order."""

    batch_size: int
    label_smoothing: float
    ema_decay: float
    checkpoint: str
    precision: str
    threads: int
    phases: tuple[Phase, ...]


@dataclass(frozen=True)
class Augmentation:
    """How images are varied: what `training.augment.augment` takes."""

    flip: str
    crop: int
    rotate: float
    shift: tuple[float, ...]
    fill: str
    cutout: int
    jitter: tuple[float, ...]


@dataclass(frozen=True)
class Model:
    """What is built: a module of lineup.models, and what its `build` is given."""

    family: str
    spec: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Run:
    """One run. pretrained: whether the initial weights hold any tensors; device: auto, cpu or cuda."""

    name: str
    task: str
    view: str
    weights: str
    pretrained: bool
    model: Model
    augmentation: Augmentation
    recipe: Recipe
    seeds: tuple[int, ...]
    tta: str
    device: str
    channels_last: bool


def make_run(values: Mapping[str, Any]) -> Run:
    """The run of `values`, as JSON has them."""
    recipe = values["recipe"]
    phases = tuple(Phase(**{**each, "schedule": Schedule(**each["schedule"])}) for each in recipe["phases"])
    augmentation = {key: _freeze(value) for key, value in values["augmentation"].items()}
    parts = {
        "model": Model(**values["model"]),
        "augmentation": Augmentation(**augmentation),
        "recipe": Recipe(**{**recipe, "phases": phases}),
        "seeds": _freeze(values["seeds"]),
    }
    return Run(**{**values, **parts})


def _freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
