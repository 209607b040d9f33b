"""Which part of a network a phase trains, and how fast."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch import nn, optim

from lineup.errors import LineupError
from lineup.models import PixelModel
from lineup.settings.run import Phase
from lineup.training.freezing.feature_cache import FeatureCache
from lineup.training.freezing.split_network import NORMS
from lineup.training.names import find_head, find_layers, is_within


class Freezer:
    """Holds back what a phase does not train, and sets its dropout."""

    def __init__(self, model: PixelModel) -> None:
        self.model = model
        head = find_head(model.net)[1]
        # Networks made of blocks have dropout of other kinds inside, which a report's one rate is not about.
        place = head if hasattr(head, "stands_for") else model
        self.dropout = {module: module.p for module in place.modules() if isinstance(module, nn.Dropout)}
        self.memo: FeatureCache | None = None

    def start(self, phase: Phase) -> None:
        """Get the model ready for `phase`: what is trainable, and its dropout where the phase names one."""
        set_trainable(self.model, phase.trainable)
        for module, rate in self.dropout.items():
            module.p = rate if phase.dropout is None else phase.dropout
        if self.memo:
            self.memo.close()
        self.memo = FeatureCache(self.model.net) if is_frozen_first(self.model) else None

    def spread_rates(self, optimizer: optim.Optimizer, phase: Phase) -> None:
        """Let the first layer that is trained learn at the fraction `layer_decay` of the last one's rate.

        Rates in between form a geometric series (discriminative fine-tuning: Howard and Ruder 2018).
        """
        if phase.layer_decay is not None:
            layers = find_layers(self.model.net).values()
            optimizer.param_groups = list(spread(optimizer.param_groups, layers, phase.layer_decay))

    def hold_statistics(self) -> None:
        """Put frozen batch norms of a model in training mode back: they keep their statistics.

        Called at the start of each epoch.
        """
        for module in self.model.modules():
            if isinstance(module, NORMS) and module.weight is not None and not module.weight.requires_grad:
                module.eval()
        if self.memo:
            self.memo.start_epoch()


def set_trainable(model: PixelModel, trainable: str | float) -> None:
    """Let gradients reach `all`, the `head`, the last fraction of the layers, or from a named layer on.

    Layers are the modules that hold parameters themselves, in the order in which the network defines them.
    """
    layers = find_layers(model.net)
    first = _first_trainable(list(layers), find_head(model.net)[0], trainable)
    for index, layer in enumerate(layers.values()):
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(index >= first)


def is_frozen_first(model: PixelModel) -> bool:
    """Whether gradients reach later layers, but not the first one."""
    layers = find_layers(model.net).values()
    trained = [any(each.requires_grad for each in layer.parameters(False)) for layer in layers]
    return any(trained) and not trained[0]


def spread(
    groups: Iterable[dict[str, Any]], layers: Iterable[nn.Module], layer_decay: float
) -> Iterator[dict[str, Any]]:
    """The `groups` of an optimizer, divided by layer; layers without a trained parameter do not count."""
    owned = [[each for each in layer.parameters(False) if each.requires_grad] for layer in layers]
    owned = [parameters for parameters in owned if parameters]
    for place, parameters in enumerate(owned):
        fraction = layer_decay ** ((len(owned) - 1 - place) / max(len(owned) - 1, 1))
        mine = {id(parameter) for parameter in parameters}
        for group in groups:
            chosen = [parameter for parameter in group["params"] if id(parameter) in mine]
            if chosen:
                yield {**group, "params": chosen, "lr": group["lr"] * fraction}


def _first_trainable(names: list[str], head: str, trainable: str | float) -> int:
    if trainable == "all":
        return 0
    if isinstance(trainable, float | int):
        return min(round(len(names) * (1 - trainable)), len(names) - 1)
    place = head if trainable == "head" else trainable
    for index, name in enumerate(names):
        if is_within(name, [place]):
            return index
    raise LineupError(
        "trainable",
        repr(trainable),
        "all, head, a fraction or the name of a layer",
        f"choose one of {', '.join(names)}",
    )
