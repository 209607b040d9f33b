"""What params.yaml may hold. Nothing has a default; every message says what is expected."""

import posixpath
import re
from itertools import pairwise
from typing import Annotated, Literal

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
)

# pydantic can read typing.TypedDict itself only from Python 3.12 on.
from typing_extensions import TypedDict

STRICT = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=8, le=512)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
# DVC names stages by these keys, so a dot, a slash or an @ would break it.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
Family = Literal["cnn", "fast", "timm", "torchvision", "mlp", "autoencoder"]
Optimizer = Literal["sgd", "nesterov", "adam", "adamw", "rmsprop", "muon", "muon_adamw"]

LAYER = re.compile(r"(conv|dense) [1-9]\d*|pool|dropout|flatten|gap")


def _is_elsewhere(path: str) -> bool:
    """Whether `path` leads out of the repository, or to what stages make."""
    return posixpath.normpath(path).startswith(("../", "/", "data/", "models/"))


class Entry(BaseModel):
    """An entry of params.yaml: strict, frozen, nothing beyond its keys."""

    model_config = STRICT


class Runtime(Entry):
    """How every run is computed."""

    device: Literal["auto", "cpu", "cuda"]
    channels_last: bool


class Dataset(Entry):
    """What is downloaded, or comes with a library."""

    source: Literal["cifar10", "cifar100", "digits"]
    needs: Literal["data/params.valid"]


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
    color: Literal["rgb", "gray"]
    size: Side
    validation: Annotated[float, Field(gt=0, le=0.5)]
    split_seed: Seed
    normalize: Literal["unit", "symmetric", "imagenet", "channel"]


class NoWeights(Entry):
    """Training starts from the random weights of its seed."""

    source: Literal["none"]
    needs: Literal["data/params.valid"]


class TimmWeights(Entry):
    """Weights that timm has on the hub, as in resnet18.a1_in1k; revision: a branch or commit there."""

    source: Literal["timm"]
    needs: Literal["data/params.valid"]
    model: str
    revision: str


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
    seed: Seed

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

    padding: Literal["same", "valid"]
    batch_norm: Literal["none", "conv", "all"]
    activation: Literal["relu", "leaky_relu", "elu", "tanh"]
    dropout: BelowOne
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
    stem: Literal["standard", "cifar"]
    input_size: Side | None
    head: Literal["linear", "pooled", "conv_relu", "conv_tanh"]
    dropout: BelowOne
    options: Annotated[dict[str, JsonValue], AfterValidator(check_options)]


class Torchvision(Entry):
    """models.torchvision.<name>: features and a dense classifier, fitted to small images."""

    arch: Literal["alexnet", "vgg11_bn", "vgg16_bn"]
    dropout: BelowOne


class Fast(Entry):
    """models.fast.<name>: widths of the blocks, each of which halves the resolution."""

    widths: Annotated[list[Count], Field(min_length=1)]


class Mlp(Entry):
    """models.mlp.<name>: widths of the hidden layers."""

    layers: list[Count]
    dropout: BelowOne


class Autoencoder(Entry):
    """models.autoencoder.<name>: widths of the convolutions, pooling between each two, and of the latent."""

    filters: Annotated[list[Count], Field(min_length=2)]
    bottleneck: Count
    batch_norm: bool


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

    flip: Literal["none", "random", "alternating"]
    crop: CountOrNone
    rotate: Annotated[float, Field(ge=0, le=180)]
    shift: Annotated[list[Share], Field(min_length=2, max_length=2)]
    fill: Literal["zeros", "border", "reflection"]
    cutout: CountOrNone
    jitter: Annotated[list[NotNegative], Field(min_length=4, max_length=4), AfterValidator(check_jitter)]


class Constant(Entry):
    """The learning rate stays."""

    name: Literal["constant"]


class Cosine(Entry):
    """Half a cosine down to 0 after `warmup` epochs of linear rise."""

    name: Literal["cosine"]
    warmup: NotNegative


class OneCycle(Entry):
    """One rise over the share `warmup` of the phase, then one fall."""

    name: Literal["one_cycle"]
    warmup: Share


class Plateau(Entry):
    """Times `factor` at each epoch after `patience` ones without a better validation, never below `floor`.

    As torch counts: Keras' patience of 4, which lowers at the fourth epoch, is 3 here.
    """

    name: Literal["plateau"]
    factor: Annotated[float, Field(gt=0, lt=1)]
    patience: Count
    floor: NotNegative


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
    first_rate: Annotated[float, Field(gt=0, le=1)]


class Recipe(Entry):
    """How a model is trained."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]  # batch norm cannot normalise one image
    optimizer: Optimizer
    lr: Positive
    momentum: BelowOne
    weight_decay: NotNegative
    schedule: Schedule
    smoothing: BelowOne
    ema: BelowOne
    patience: CountOrNone
    keep: Literal["best", "last"]
    precision: Literal["fp32", "bf16"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    trainable: Trainable
    phases: dict[Name, Phase]


def check_distinct(seeds: list[int]) -> list[int]:
    """Refuse a seed that stands twice: its run would count double."""
    if len(set(seeds)) < len(seeds):
        raise ValueError("seeds that differ from each other")
    return seeds


class Run(Entry):
    """Who takes part: names of other entries, and the seeds."""

    row: str | None
    view: str
    weights: str
    task: Literal["classification", "reconstruction"]
    family: Family
    model: str
    augment: str
    recipe: str
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(check_distinct)]
    tta: Literal["none", "flip"]


class Params(Entry):
    """The whole of params.yaml."""

    runtime: Runtime
    datasets: dict[Name, Datasets]
    views: dict[Name, View]
    weights: dict[Name, Weights]
    waiting_weights: dict[Name, Weights]
    models: Models
    augments: dict[Name, Augment]
    recipes: dict[Name, Recipe]
    runs: dict[Name, Run]
    waiting: dict[Name, Run]
