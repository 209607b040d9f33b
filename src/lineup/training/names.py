"""Names of layers and weights as the architecture itself has them."""

import re
from collections.abc import Iterable

from torch import nn


def own_name(name: str) -> str:
    """`name` without the wrappers that take pixels or enlarge images: they hold their network as `net`."""
    return re.sub(r"^(net\.)+", "", name)


def find_layers(net: nn.Module) -> dict[str, nn.Module]:
    """The modules that hold parameters themselves, by their own names, in the order of definition."""
    return {
        own_name(name): module
        for name, module in net.named_modules()
        if any(True for _ in module.parameters(False))
    }


def find_head(net: nn.Module) -> tuple[str, nn.Module]:
    """The own name and the module of what turns features into outputs.

    That is the module that says what it `stands_for` or, where none does, the last layer.
    """
    declared = [
        (own_name(name), module) for name, module in net.named_modules() if hasattr(module, "stands_for")
    ]
    return declared[-1] if declared else list(find_layers(net).items())[-1]


def is_within(name: str, places: Iterable[str]) -> bool:
    """Whether `name` is one of `places`, or something in it."""
    return any(name == place or name.startswith(f"{place}.") for place in places)
