"""Trained models as train leaves them in models/<run>."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from lineup.errors import LineupError
from lineup.evaluation.quality import refuse_not_finite
from lineup.models import PixelModel
from lineup.models.record import ModelRecord, name_weights, rebuild
from lineup.precision import keep_depthwise_in_fp32


def load_seed(folder: Path, record: ModelRecord, seed: int, device: torch.device) -> PixelModel:
    """Rebuild the model of one seed on `device`, in inference mode.

    Raises LineupError if the weights are missing, belong to another model, or are not all finite.
    """
    path = name_weights(folder, seed)
    model = rebuild(record)
    try:
        model.load_state_dict(load_file(path))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise LineupError(
            str(path), f"not loadable ({reason})", "weights of this run", _fix(folder)
        ) from error
    refuse_not_finite(model.state_dict(), str(path))
    if device.type == "cpu" and record.precision == "bf16":
        keep_depthwise_in_fp32(model)  # as in training and validation
    layout = torch.channels_last if record.channels_last else torch.contiguous_format
    return model.to(device, memory_format=layout).eval()  # type: ignore[call-overload, no-any-return]


def _fix(folder: Path) -> str:
    return f"run `dvc repro train@{folder.name}`"
