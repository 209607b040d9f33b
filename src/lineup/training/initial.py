"""Taking over weights that another training made."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from lineup.errors import LineupError
from lineup.models import PixelModel


def load(model: PixelModel, path: Path) -> None:
    """Take over the initial weights of `path`.

    Raises LineupError when the file is unreadable or its names or shapes are not the network's.
    """
    try:
        model.net.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        found = " ".join(str(error).split())
        raise LineupError(
            str(path), found, "weights of this architecture", "choose other weights or another model"
        ) from error
