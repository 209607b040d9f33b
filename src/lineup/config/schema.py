"""What params.yaml may hold: the one place of every default; every message says what is expected.

A key with `neutral(value)` is as if it did not exist where it has that value: then it is no part of what a
result depends on. So a new key, neutral by default, makes no result stale. Neutral values never change.
"""

import posixpath
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

# pydantic can read typing.TypedDict itself only from Python 3.12 on.
from typing_extensions import TypedDict

from lineup.reports.claims import check_metric, is_impossible
from lineup.reports.protocols import check_protocol

STRICT = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=8, le=512)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# DVC names stages by these keys, so a dot, a slash or an @ would break it.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
# What stages wait for that need nothing else: the parameters are valid.
GATE = "data/params.valid"
Gate = Literal["data/params.valid"]
Family = Literal["cnn", "fast", "timm", "torchvision", "mlp", "autoencoder"]
Optimizer = Literal["sgd", "nesterov", "adam", "adamw", "rmsprop", "muon", "muon_adamw"]

LAYER = re.compile(r"(conv|dense) [1-9]\d*|pool|dropout|flatten|gap")


def _is_elsewhere(path: str) -> bool:
    """Whether `path` leads out of the repository, or to what stages make."""
    return posixpath.normpath(path).startswith(("../", "/", "data/", "models/", "resolved/"))


def neutral(value: Any) -> Any:
    """The default of a key that means nothing at this value."""
    return Field(default=value, json_schema_extra={"neutral": value})


class Entry(BaseModel):
    """An entry of params.yaml: strict, frozen, nothing beyond its keys."""

    model_config = STRICT

    def dump_meaning(self) -> dict[str, Any]:
        """The values as JSON has them, without keys at their neutral value."""
        return drop_neutral(type(self), {key: getattr(self, key) for key in type(self).model_fields})


def drop_neutral(entry: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Of `values`, keys of that kind of entry, those that are not neutral, as JSON has them."""
    neutrals = find_neutral(entry)
    return {
        key: value.dump_meaning() if isinstance(value, Entry) else value
        for key, value in values.items()
        if not (key in neutrals and value == neutrals[key])
    }


def find_neutral(entry: type[BaseModel]) -> dict[str, Any]:
    """The neutral value of each key of a kind of entry that has one."""
    extras = {key: field.json_schema_extra for key, field in entry.model_fields.items()}
    return {
        key: extra["neutral"]
        for key, extra in extras.items()
        if isinstance(extra, dict) and "neutral" in extra
    }


class Runtime(Entry):
    """How every run is computed."""

    device: Literal["auto", "cpu", "cuda"] = neutral("auto")
    channels_last: bool = neutral(True)


class Dataset(Entry):
    """What is downloaded, or comes with a library."""

    source: Literal["cifar10", "cifar100", "digits"]
    needs: Gate


def check_folder(path: str) -> str:
    """Refuse a folder that DVC cannot watch, or that stages write to."""
    if posixpath.normpath(path) in (".", "..", "data", "models") or _is_elsewhere(path):
        raise ValueError("a folder in this repository, outside data and models")
    return path


class FolderDataset(Entry):
    """Images in the folder `needs`: train/CLASS/… and test/CLASS/…, made squares of `size` pixels."""

    source: Literal["folder"]
    needs: Annotated[str, AfterValidator(check_folder)]
    size: Side


Datasets = Annotated[Dataset | FolderDataset, Field(discriminator="source")]


class View(Entry):
    """How a dataset is prepared; `size` in pixels, `validation` a share of train."""

    dataset: str
    color: Literal["rgb", "gray"] = "rgb"
    size: Side
    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    split_seed: Seed = 0
    normalize: Literal["unit", "symmetric", "imagenet", "channel"]


class NoWeights(Entry):
    """Training starts from the random weights of its seed."""

    source: Literal["none"]
    needs: Gate


class TimmWeights(Entry):
    """Weights that timm has on the hub, as in resnet18.a1_in1k; revision: a branch or commit there."""

    source: Literal["timm"]
    needs: Gate
    model: str
    revision: str = "main"


def check_file(path: str) -> str:
    """Refuse what is not a safetensors file, or is one that a stage makes."""
    if not path.endswith(".safetensors") or _is_elsewhere(path):
        raise ValueError("a .safetensors file in this repository, outside data and models")
    return path


PerChannel = Annotated[list[NotNegative], Field(min_length=1, max_length=3)]


class FileWeights(Entry):
    """The file `needs`; mean and std of its images' normalisation, one a channel on the scale 0 to 255."""

    source: Literal["file"]
    needs: Annotated[str, AfterValidator(check_file)]
    architecture: str
    mean: PerChannel
    std: Annotated[list[Positive], Field(min_length=1, max_length=3)]
    licence: str

    @field_validator("std")
    @classmethod
    def refuse_uneven(cls, std: list[float], info: ValidationInfo) -> list[float]:
        """Refuse means and deviations of different numbers of channels."""
        mean = info.data.get("mean", std)
        if len(std) != len(mean):
            raise ValueError(f"as many values as mean has, {len(mean)}")
        return std


def check_models(folder: str) -> str:
    """Refuse what is not the folder of a run's models."""
    if not re.fullmatch(r"models/\w+", folder):
        raise ValueError("models/ and the name of a run")
    return folder


class RunWeights(Entry):
    """Weights that another run has produced, from one of its seeds."""

    source: Literal["run"]
    needs: Annotated[str, AfterValidator(check_models)]
    seed: Seed = 0

    @property
    def run(self) -> str:
        """The name of that run."""
        return self.needs.removeprefix("models/")


Weights = Annotated[NoWeights | TimmWeights | FileWeights | RunWeights, Field(discriminator="source")]


def check_layers(layers: list[str]) -> list[str]:
    """Refuse layers that do not form features, one flatten or gap, then dense layers."""
    for layer in layers:
        if not LAYER.fullmatch(layer):
            raise ValueError(f"layers among conv N, dense N, pool, dropout, flatten, gap, not {layer!r}")
    kinds = [layer.split()[0] for layer in layers]
    bridges = [place for place, kind in enumerate(kinds) if kind in ("flatten", "gap")]
    if len(bridges) != 1:
        raise ValueError(f"exactly one flatten or gap, not {len(bridges)}")
    if any(kind == "pool" and before != "conv" for before, kind in pairwise(["", *kinds])):
        raise ValueError("each pool straight after a conv")
    if "dense" in kinds[: bridges[0]] or {"conv", "pool"} & set(kinds[bridges[0] :]):
        raise ValueError(f"conv and pool before {kinds[bridges[0]]}, dense after it")
    return layers


class Cnn(Entry):
    """models.cnn.<name>: a plain convolutional network."""

    padding: Literal["same", "valid"] = "same"
    batch_norm: Literal["none", "conv", "all"] = "all"
    activation: Literal["relu", "leaky_relu", "elu", "tanh"] = "relu"
    dropout: BelowOne = 0.0
    layers: Annotated[list[str], AfterValidator(check_layers)]


def check_options(options: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuse arguments that are given to timm from elsewhere."""
    taken = sorted({"pretrained", "num_classes", "in_chans", "drop_rate"} & options.keys())
    if taken:
        raise ValueError(f"no {', '.join(taken)}, which the run and the model decide")
    return options


class Timm(Entry):
    """models.timm.<name>: any model of timm, given `options`; enlarges images to `input_size` unless null.

    head: timm's own (linear), one dense layer on the mean of the features (pooled), or report C's two.
    """

    arch: str
    stem: Literal["standard", "cifar"] = "standard"
    input_size: Side | None = None
    head: Literal["linear", "pooled", "conv_relu", "conv_tanh"] = "linear"
    dropout: BelowOne = 0.0
    options: Annotated[dict[str, JsonValue], AfterValidator(check_options)] = {}


class Torchvision(Entry):
    """models.torchvision.<name>: features and a dense classifier, fitted to small images."""

    arch: Literal["alexnet", "vgg11_bn", "vgg16_bn"]
    dropout: BelowOne = 0.0


class Fast(Entry):
    """models.fast.<name>: widths of the blocks, each of which halves the resolution."""

    widths: Annotated[list[Count], Field(min_length=1)]


class Mlp(Entry):
    """models.mlp.<name>: widths of the hidden layers."""

    layers: list[Count]
    dropout: BelowOne = 0.0


class Autoencoder(Entry):
    """models.autoencoder.<name>: widths of the convolutions, pooling between each two, and of the latent."""

    filters: Annotated[list[Count], Field(min_length=2)]
    bottleneck: Count
    batch_norm: bool = False


class Models(TypedDict, total=False):
    """Model specifications by family and name."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # pydantic's documented way for a TypedDict
    cnn: dict[Name, Cnn]
    fast: dict[Name, Fast]
    timm: dict[Name, Timm]
    torchvision: dict[Name, Torchvision]
    mlp: dict[Name, Mlp]
    autoencoder: dict[Name, Autoencoder]


def check_jitter(jitter: list[float]) -> list[float]:
    """Refuse a hue strength that turns the colour circle by more than half."""
    if jitter[3] > 0.5:
        raise ValueError(f"a hue strength (the last one) of at most 0.5, not {jitter[3]}")
    return jitter


class Augment(Entry):
    """How images are varied: degrees, shares of the side, pixels, strengths."""

    flip: Literal["none", "random", "alternating"] = neutral("none")
    crop: CountOrNone = neutral(0)
    rotate: Annotated[float, Field(ge=0, le=180)] = neutral(0.0)
    shift: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = neutral([0.0, 0.0])
    fill: Literal["zeros", "border", "reflection"] = neutral("zeros")
    cutout: CountOrNone = neutral(0)
    jitter: Annotated[list[NotNegative], Field(min_length=4, max_length=4), AfterValidator(check_jitter)] = (
        neutral([0.0, 0.0, 0.0, 0.0])
    )


class Constant(Entry):
    """The learning rate stays."""

    name: Literal["constant"]


class Cosine(Entry):
    """Half a cosine down to 0 after `warmup` epochs of linear rise."""

    name: Literal["cosine"]
    warmup: NotNegative = neutral(0.0)


class OneCycle(Entry):
    """One rise over the share `warmup` of the phase, then one fall."""

    name: Literal["one_cycle"]
    warmup: Fraction = neutral(0.0)


class Plateau(Entry):
    """Times `factor` at each epoch after `patience` ones without a better validation, never below `floor`.

    As torch counts: Keras' patience of 4, which lowers at the fourth epoch, is 3 here.
    """

    name: Literal["plateau"]
    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: Count
    floor: NotNegative = neutral(0.0)


Schedule = Annotated[Constant | Cosine | OneCycle | Plateau, Field(discriminator="name")]


def check_trainable(value: object) -> float | str:
    """Let through `all`, `head`, a layer's name or a fraction of the layers above 0 and at most 1."""
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise ValueError("all, head, a layer's name or a fraction above 0 and at most 1")


Trainable = Annotated[float | str, PlainValidator(check_trainable)]


class Phase(TypedDict, total=False):
    """What one phase of training overrides."""

    __pydantic_config__ = STRICT  # type: ignore[misc]
    epochs: Count
    optimizer: Optimizer
    lr: Positive
    momentum: BelowOne
    weight_decay: NotNegative
    schedule: Schedule
    patience: CountOrNone
    trainable: Trainable
    dropout: BelowOne
    layer_decay: Annotated[float, Field(gt=0, le=1)]


class Recipe(Entry):
    """How a model is trained."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]  # batch norm cannot normalise one image
    optimizer: Optimizer = "adam"
    lr: Positive
    momentum: BelowOne = 0.9
    weight_decay: NotNegative = neutral(0.0)
    schedule: Schedule = neutral(Constant(name="constant"))
    label_smoothing: BelowOne = neutral(0.0)
    ema_decay: BelowOne = neutral(0.0)
    patience: CountOrNone = neutral(0)
    checkpoint: Literal["best", "last"] = "best"
    precision: Literal["fp32", "bf16"] = "bf16"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    trainable: Trainable = neutral("all")
    phases: dict[Name, Phase] = neutral({})


def check_distinct(seeds: list[int]) -> list[int]:
    """Refuse a seed that stands twice: its run would count double."""
    if len(set(seeds)) < len(seeds):
        raise ValueError("seeds that differ from each other")
    return seeds


class Run(Entry):
    """Who takes part: names of other entries, and the seeds."""

    row: str | None = None
    view: str
    weights: str
    task: Literal["classification", "reconstruction"] = "classification"
    family: Family
    model: str
    augment: str = "none"
    recipe: str
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(check_distinct)] = [0]
    tta: Literal["none", "flip"] = neutral("none")


class ReportClaim(Entry):
    """A figure that a report gives; `split` names the images, `what` the model where it is not the row's."""

    metric: Annotated[str, AfterValidator(check_metric)] = ""
    claimed: float | None = None
    split: str = ""
    what: str = ""

    @model_validator(mode="after")
    def refuse_percentage(self) -> Self:
        """Refuse a fraction that is above 1."""
        if is_impossible(self.metric, self.claimed):
            raise ValueError(f"a fraction from 0 to 1 for {self.metric}, not {self.claimed:g}")
        return self


Fixed = Annotated[dict[str, JsonValue], AfterValidator(check_protocol)]


class ReportRow(Entry):
    """A model of a report: what it is, what is claimed of it, and what is fixed of its training.

    The first claim is the one that our figure is set beside. fixes: paths into a run's settings.
    """

    what: str
    claims: Annotated[list[ReportClaim], Field(min_length=1)] = [ReportClaim()]
    fixes: Fixed


class Report(Entry):
    """reports.<letter>: the models of a report by row."""

    rows: dict[str, ReportRow]


class Params(Entry):
    """All files of parameters as one."""

    runtime: Runtime = Runtime()
    datasets: dict[Name, Datasets]
    views: dict[Name, View]
    weights: dict[Name, Weights]
    waiting_weights: dict[Name, Weights] = {}
    models: Models
    augments: dict[Name, Augment] = {}
    recipes: dict[Name, Recipe]
    runs: dict[Name, Run]
    waiting: dict[Name, Run] = {}
    protocols: dict[str, Fixed] = {}
    reports: dict[Name, Report] = {}
