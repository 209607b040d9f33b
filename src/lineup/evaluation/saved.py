"""Trained models as train leaves them: models/<run>/model.json, and weights and facts of each seed."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from lineup.errors import LineupError
from lineup.evaluation.quality import refuse_not_finite
from lineup.models import PixelModel, rebuild
from lineup.precision import keep_depthwise_in_fp32


def read_facts(folder: Path) -> dict[str, Any]:
    """Read what `folder`/model.json says of a run. Raises LineupError if it is missing or damaged."""
    return _read_json(folder / "model.json")


def count_trainable(folder: Path, seed: int) -> int:
    """How many parameters the last phase trained: a rebuilt model no longer knows what was frozen."""
    phases = _read_json(folder / f"seed-{seed}.json")["trainable"]
    return int(list(phases.values())[-1])


def load_seed(folder: Path, facts: dict[str, Any], seed: int, device: torch.device) -> PixelModel:
    """Rebuild the model of one seed on `device`, in inference mode.

    Raises LineupError if the weights are missing, belong to another model, or are not all finite.
    """
    path = folder / f"seed-{seed}.safetensors"
    model = rebuild(facts)
    try:
        model.load_state_dict(load_file(path))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LineupError(
            str(path), f"not loadable ({reason})", "weights of this run", _fix(folder)
        ) from error
    refuse_not_finite(model.state_dict(), str(path))
    if device.type == "cpu" and facts["precision"] == "bf16":
        keep_depthwise_in_fp32(model)  # as in training and validation
    layout = torch.channels_last if facts["channels_last"] else torch.contiguous_format
    return model.to(device, memory_format=layout).eval()  # type: ignore[call-overload, no-any-return]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fix = _fix(path.parent)
        raise LineupError(str(path), f"not readable ({error})", "facts of a trained run", fix) from error
    return content


def _fix(folder: Path) -> str:
    return f"run `dvc repro train@{folder.name}`"
