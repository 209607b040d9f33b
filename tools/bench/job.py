"""What a process is asked to compute, and on which images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lineup.data.pack import Pack, read_pack

VIEW = Path("data/views/rgb_20/learn.safetensors")
MADE_UP_IMAGES = 50_000
BATCH = 128


@dataclass(frozen=True)
class Job:
    """What the child process of a role computes, in plain values."""

    role: str
    device: str
    threads: int
    view: Path | None  # None: made-up images
    facts: Mapping[str, Any]  # of the model, as in model.json
    optimizer: Mapping[str, Any]

    @property
    def precision(self) -> str:
        """What the role computes in."""
        return "fp32" if self.role == "usual" or self.role.endswith("fp32") else "bf16"


def load_pack(view: Path | None) -> Pack:
    """The prepared view, or noise of the same shape, of which a fifth is held out too."""
    if view:
        return read_pack(view)
    numbers = torch.Generator().manual_seed(0)
    images = torch.randint(256, (MADE_UP_IMAGES, 32, 32, 3), dtype=torch.uint8, generator=numbers)
    ids = torch.arange(MADE_UP_IMAGES)
    return Pack(images, ids % 10, ids, ids % 5 == 0, tuple("0123456789"), *((0.0,) * 3, (255.0,) * 3) * 2)


def find_view() -> Path | None:
    """The prepared view, if it is there."""
    return VIEW.absolute() if VIEW.exists() else None


def describe_images() -> str:
    """What is trained on."""
    return str(VIEW) if find_view() else f"made up, since {VIEW} is not there"
