"""Whether a network can be built and takes its images, found out before anything is trained."""

from collections.abc import Mapping
from contextlib import suppress
from textwrap import shorten
from typing import Any

import torch

from lineup.errors import LineupError
from lineup.models import PixelModel, build_model

IMAGES = 2
CLASSES = 10  # any number will do
LONGEST = 200  # characters of a library's message


def try_out(where: str, family: str, spec: Mapping[str, Any], *, channels: int, size: int) -> PixelModel:
    """Build the model as training does, and pass two images through it.

    On torch's meta device, where tensors have a shape and no numbers, that takes no memory and little time.
    A few operations do not exist there, so what fails is tried again with numbers, and only that counts.
    Raises LineupError, which names `where`, the place of `spec`.
    """
    with suppress(Exception), torch.device("meta"):
        return _build_and_apply(where, family, spec, channels, size)
    return _build_and_apply(where, family, spec, channels, size)


def _build_and_apply(
    where: str, family: str, spec: Mapping[str, Any], channels: int, size: int
) -> PixelModel:
    expected = f"a network for images of {size} x {size} pixels in {_count(channels)}"
    try:
        model = _build(family, spec, channels, size)
    except LineupError as error:
        raise LineupError(where, error.found, error.expected, error.fix) from error
    # Libraries raise whatever they like.
    except Exception as error:
        found = f"cannot be built ({_quote(error)})"
        raise LineupError(where, found, expected, _advise_building(family, spec)) from error
    try:
        _apply(model, family, channels, size)
    except Exception as error:
        found = f"does not work on its images ({_quote(error)})"
        raise LineupError(where, found, expected, _advise_applying(family)) from error
    return model


def _build(family: str, spec: Mapping[str, Any], channels: int, size: int) -> PixelModel:
    plain = {"mean": (0.0,) * channels, "std": (1.0,) * channels}
    return build_model(family, spec, outputs=CLASSES, channels=channels, size=size, **plain)


@torch.inference_mode()
def _apply(model: PixelModel, family: str, channels: int, size: int) -> None:
    """Raise whatever the model raises, and ValueError where no loss takes the shape of its outputs."""
    images = torch.zeros(IMAGES, channels, size, size, dtype=torch.uint8)
    shape = model.eval()(images).shape
    wanted = images.shape if family == "autoencoder" else (IMAGES, CLASSES)
    if shape != wanted:
        raise ValueError(f"outputs of shape {list(shape)} in place of {list(wanted)}")


def _quote(error: Exception) -> str:
    """The kind of an error and the last line of its message, where libraries come to the point."""
    lines = str(error).strip().splitlines() or [""]
    text = f"{type(error).__name__}: {lines[-1]}" if lines[-1] else type(error).__name__
    return shorten(text, LONGEST, placeholder=" ...")


def _count(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"


def _advise_building(family: str, spec: Mapping[str, Any]) -> str:
    if family != "timm":
        return _advise_applying(family)
    stem = "set stem to standard, " if spec["stem"] == "cifar" else ""
    return f"{stem}correct its options or choose another arch"


def _advise_applying(family: str) -> str:
    if family == "timm":
        return "set input_size, or img_size in options, or choose another arch"
    return "use a smaller network, or a view of larger images"
