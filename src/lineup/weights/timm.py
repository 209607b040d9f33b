"""Weights that timm keeps on the Hugging Face hub.

The hub's own library fetches them: it reads its token, cache and address (HF_TOKEN, HF_HOME, HF_ENDPOINT,
HF_HUB_OFFLINE) as it does everywhere.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
from huggingface_hub import hf_hub_download, logging
from torch import Tensor

from lineup.errors import LineupError
from lineup.weights.record import Initial, Record, read_tensors

FILE = "model.safetensors"
FOLDER = Path(".lineup/downloads")
BYTE = 255  # timm's mean and std are on the scale 0 to 1


def fetch(*, model: str, revision: str) -> Initial:
    """Fetch timm's weights called `model`, as in resnet18.a1_in1k; revision: a branch or commit of the hub.

    A file put into FOLDER under the model's name goes before the hub. Raises LineupError, which names that
    file when the hub cannot be reached.
    """
    config = _configure(model)
    repository = config["hf_hub_id"]
    path = _find(model, repository, revision)
    tensors = read_tensors(path, f"remove it, then fetch {FILE} of {repository} again")
    origin: dict[str, str | int] = {"repository": repository, "revision": _name_revision(path, revision)}
    mean, std = _read_statistics(config)
    record = Record("timm", config["architecture"], mean, std, config["license"] or "not stated", origin)
    return Initial(_convert(model, tensors, path), record)


def find_statistics(model: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std that images of the weights called `model` were normalised with: see Record.

    Raises LineupError where timm has no such weights.
    """
    return _read_statistics(_configure(model))


def _read_statistics(config: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, std = (tuple(BYTE * value for value in config[key]) for key in ("mean", "std"))
    return mean, std


def _configure(model: str) -> dict[str, Any]:
    config = timm.get_pretrained_cfg(model) if timm.is_model_pretrained(model) else None
    if config is None or not config.hf_hub_id:
        fix = f"see timm.list_pretrained('{model.partition('.')[0]}*')"
        raise LineupError("params.yaml: weights", f"unknown model {model!r}", "weights that timm has", fix)
    known: dict[str, Any] = config.to_dict()  # type: ignore[no-untyped-call]
    return known


def _find(model: str, repository: str, revision: str) -> Path:
    put = FOLDER / f"{model}.safetensors"
    if put.exists():
        return put
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # or it reports each retry
    try:
        return Path(hf_hub_download(repository, FILE, revision=revision))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise LineupError(
            f"{repository}/{FILE}",
            f"cannot be fetched ({reason[:200]})",
            "the hub, or that file at hand",
            f"put it at {put}, or set HF_ENDPOINT, HF_TOKEN or HF_HOME",
        ) from error


def _name_revision(path: Path, revision: str) -> str:
    """The commit, as the hub's cache names a file's folder; without the cache, what was asked for."""
    return path.parent.name if re.fullmatch(r"[0-9a-f]{40}", path.parent.name) else revision


def _convert(model: str, tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors by the names that timm's network has today: some files are older than their network."""
    try:
        net = timm.create_model(model, pretrained=True, pretrained_cfg_overlay={"state_dict": tensors})
    except (RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())
        fix = "fetch it again, and choose the model it belongs to"
        raise LineupError(str(path), reason[:200], f"weights of {model}", fix) from error
    return {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
