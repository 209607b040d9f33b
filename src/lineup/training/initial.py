"""Taking over weights that another training made."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from lineup.errors import LineupError
from lineup.models import PixelModel
from lineup.training.names import find_head, is_within, own_name

# What rounding may make of mean and std, as a share of the deviation; a wrong normalisation is far beyond.
TOLERANCE = 1e-3
NAMED = 3


def load(model: PixelModel, path: Path) -> None:
    """Take over the initial weights of `path`, without their head where it is of another shape; say so.

    Raises LineupError when the file is unreadable, when these weights want images normalised in another way
    than the model does, or when a name or shape outside the head is not the network's.
    """
    given, record = _read(path)
    _refuse_other_normalisation(model, record, path)
    full_names = {own_name(name): name for name in model.net.state_dict()}
    wanted = {own_name(name): tuple(tensor.shape) for name, tensor in model.net.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in given.items()}
    name, head = find_head(model.net)
    places = getattr(head, "stands_for", (name,))
    if _select(found, places) != _select(wanted, places):
        print(f"{path}: the head is left out, {name} starts at random", flush=True)
        wanted, found = _leave_out(wanted, places), _leave_out(found, places)
    _refuse(path, "has no", [name for name in wanted if name not in found])
    _refuse(path, "also has", [name for name in found if name not in wanted])
    _refuse(path, "has another shape of", [name for name in found if found[name] != wanted[name]])
    model.net.load_state_dict({full_names[name]: given[name] for name in found}, strict=False)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of an initial weights file by their own names, and the record in its header."""
    try:
        with safe_open(path, framework="pt") as file:
            record: dict[str, Any] = json.loads(file.metadata()["lineup"])
            return {own_name(name): file.get_tensor(name) for name in file.keys()}, record  # noqa: SIM118
    except Exception as error:
        found = f"not readable ({' '.join(str(error).split())})"
        raise LineupError(str(path), found, "initial weights", "run `dvc repro weights`") from error


def _refuse_other_normalisation(model: PixelModel, record: Mapping[str, Any], path: Path) -> None:
    scale, shift = model.scale.flatten(), model.shift.flatten()
    ours, theirs = (-shift / scale, 1 / scale), (torch.tensor(record["mean"]), torch.tensor(record["std"]))
    if len(theirs[0]) == len(scale) and all(
        torch.all((mine - its).abs() <= TOLERANCE * theirs[1]) for mine, its in zip(ours, theirs, strict=True)
    ):
        return
    raise LineupError(
        str(path),
        f"these weights want {_describe(*theirs)}, the run's view gives {_describe(*ours)}",
        "the normalisation that the weights were trained with",
        "give the run a view with that `normalize`, or other weights",
    )


def _describe(mean: Tensor, std: Tensor) -> str:
    means, stds = (" ".join(f"{value:.4g}" for value in values.tolist()) for values in (mean, std))
    return f"mean {means} and std {stds}"


def _select(shapes: Mapping[str, tuple[int, ...]], places: Iterable[str]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in shapes.items() if is_within(name, places)}


def _leave_out(shapes: Mapping[str, tuple[int, ...]], places: Iterable[str]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in shapes.items() if not is_within(name, places)}


def _refuse(path: Path, what: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        found = f"{what} {', '.join(names[:NAMED])}{more}"
        raise LineupError(
            str(path), found, "weights of this architecture", "choose other weights or another model"
        )
