"""What a process is asked to compute, and on which images."""

from dataclasses import dataclass
from pathlib import Path

import torch

from lineup.data.dataset import ImageDataset, read_dataset
from lineup.models.record import ModelRecord
from lineup.settings.run import Phase, Recipe, Schedule

VIEW = Path("data/views/rgb_20/learn.safetensors")
MADE_UP_IMAGES = 50_000
BATCH = 128


@dataclass(frozen=True)
class Optimizer:
    """An optimizer by its name in lineup, and its settings."""

    name: str
    lr: float
    momentum: float
    weight_decay: float


ADAM = Optimizer("adam", lr=0.001, momentum=0.9, weight_decay=0.0)
SGD = Optimizer("nesterov", lr=0.01, momentum=0.9, weight_decay=0.0005)


@dataclass(frozen=True)
class Job:
    """What the child process of a role computes, in plain values; a peak leaves out what concerns a model."""

    role: str
    device: str
    threads: int
    view: Path | None = None  # None: made-up images
    record: ModelRecord | None = None
    optimizer: Optimizer = ADAM

    @property
    def model(self) -> ModelRecord:
        """What is trained."""
        assert self.record, f"{self.role} trains no model"
        return self.record

    @property
    def recipe(self) -> Recipe:
        """How it is trained, in the roles that are ours: by the optimizer, and nothing else."""
        return Recipe(
            batch_size=BATCH,
            label_smoothing=0.0,
            ema_decay=0.0,
            checkpoint="last",
            precision=self.precision,
            threads=self.threads,
            phases=(make_phase(self.optimizer),),
        )

    @property
    def precision(self) -> str:
        """What the role computes in."""
        return "fp32" if self.role == "usual" or self.role.endswith("fp32") else "bf16"


def make_phase(optimizer: Optimizer) -> Phase:
    """A training of one epoch at a constant rate."""
    return Phase(
        name="",
        epochs=1,
        optimizer=optimizer.name,
        lr=optimizer.lr,
        momentum=optimizer.momentum,
        weight_decay=optimizer.weight_decay,
        schedule=Schedule("constant", warmup=None, factor=None, patience=None, floor=None),
        patience=0,
        trainable="all",
        dropout=None,
        layer_decay=None,
    )


def load_images(view: Path | None) -> ImageDataset:
    """The prepared view, or noise of the same shape, of which a fifth is held out too."""
    if view:
        return read_dataset(view)
    numbers = torch.Generator().manual_seed(0)
    images = torch.randint(256, (MADE_UP_IMAGES, 32, 32, 3), dtype=torch.uint8, generator=numbers)
    ids = torch.arange(MADE_UP_IMAGES)
    statistics = ((0.0,) * 3, (255.0,) * 3) * 2
    return ImageDataset(images, ids % 10, ids, ids % 5 == 0, tuple("0123456789"), *statistics)


def find_view() -> Path | None:
    """The prepared view, if it is there."""
    return VIEW.absolute() if VIEW.exists() else None


def describe_images() -> str:
    """What is trained on."""
    return str(VIEW) if find_view() else f"made up, since {VIEW} is not there"
