"""Which part of a network a phase trains."""

from collections.abc import Mapping

from torch import nn

from lineup.errors import LineupError
from lineup.models import PixelModel

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def set_trainable(model: PixelModel, trainable: str | float) -> None:
    """Let gradients reach `all`, the `head`, the last share (0 to 1) of the layers, or from a named layer on.

    Layers are the modules that hold parameters themselves, in the order in which the network defines them.
    """
    names, layers = zip(*_layers(model.net), strict=True)
    first = _first_trainable(list(names), trainable)
    for index, layer in enumerate(layers):
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(index >= first)


def set_training_mode(model: nn.Module) -> None:
    """Training mode, except for batch norms that are frozen: those keep their statistics."""
    model.train()
    for module in model.modules():
        if isinstance(module, NORMS) and module.weight is not None and not module.weight.requires_grad:
            module.eval()


def list_dropout(model: nn.Module) -> dict[str, float]:
    """The dropout layers of a network with their rates."""
    return {name: module.p for name, module in model.named_modules() if isinstance(module, nn.Dropout)}


def set_dropout(model: nn.Module, rates: Mapping[str, float]) -> None:
    """Set the dropout layers named in `rates`."""
    for name, module in model.named_modules():
        if name in rates and isinstance(module, nn.Dropout):
            module.p = rates[name]


def _layers(net: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (name, module) for name, module in net.named_modules() if any(True for _ in module.parameters(False))
    ]


def _first_trainable(names: list[str], trainable: str | float) -> int:
    if trainable == "all":
        return 0
    if trainable == "head":
        return len(names) - 1
    if isinstance(trainable, float | int):
        return min(round(len(names) * (1 - trainable)), len(names) - 1)
    for index, name in enumerate(names):
        if name == trainable or name.startswith(f"{trainable}."):
            return index
    raise LineupError(
        "trainable",
        repr(trainable),
        "all, head, a share or the name of a layer",
        f"choose one of {', '.join(names)}",
    )
