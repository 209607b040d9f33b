"""A few images of a view: enough for some steps of training, the same for both sides of a proof."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from lineup.errors import LineupError

HELD_OUT, TEST = 10, 10


def extract(source: Path, target: Path, train: int) -> None:
    """Write `train` training images of the view in the folder `source`, and some to validate and test on.

    They are evenly spaced, so that every class is among them. Raises LineupError if the view is not here.
    """
    tensors, metadata = _read(source / "learn.safetensors")
    held_out = tensors["held_out"]
    places = [_space((~held_out).nonzero().flatten(), train), _space(held_out.nonzero().flatten(), HELD_OUT)]
    _write(target / "learn.safetensors", tensors, torch.cat(places).sort().values, metadata)
    tensors, metadata = _read(source / "test.safetensors")
    _write(target / "test.safetensors", tensors, _space(torch.arange(len(tensors["ids"])), TEST), metadata)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not path.exists():
        fix = f"run `dvc repro preprocess@{path.parent.name}`"
        raise LineupError(str(path), "not there", "the images that results were made with", fix)
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def _write(path: Path, tensors: dict[str, Tensor], places: Tensor, metadata: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor[places].contiguous() for name, tensor in tensors.items()}, path, metadata)


def _space(places: Tensor, count: int) -> Tensor:
    count = min(count, len(places))
    return places[torch.arange(count) * len(places) // count]
