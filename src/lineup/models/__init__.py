"""What a run trains: any family's network behind one door, from raw pixels to outputs.

A family is a module of this package with `build(*, outputs, channels, size, **spec) -> nn.Module`; the
spec is its entry in params.yaml.
"""

from collections.abc import Mapping
from importlib import import_module

import torch
from pydantic import JsonValue
from torch import Tensor, nn

from lineup.components import name_family


class PixelModel(nn.Module):
    """A network that takes raw pixels: normalisation is part of it, so it cannot get lost or go wrong.

    forward: images uint8 or float [n, channels, height, width] on the scale 0 to 255 -> what `net` gives.
    mean and std, one a channel on the same scale, are kept in model.json, not among the weights.
    """

    def __init__(self, net: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.net = net
        self.scale: Tensor
        self.shift: Tensor
        scale = 1 / torch.tensor(std).view(1, -1, 1, 1)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", -torch.tensor(mean).view(1, -1, 1, 1) * scale, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise and apply the network."""
        outputs: Tensor = self.net(self.normalize(images))
        return outputs

    def normalize(self, images: Tensor) -> Tensor:
        """(images - mean) / std in one pass, float32."""
        return torch.addcmul(self.shift, images.float(), self.scale)

    def start_from(self, images: Tensor) -> None:
        """Let a network that wants to fit its first weights to training images do so (`start_from`)."""
        start = getattr(self.net, "start_from", None)
        if start:
            start(self.normalize(images))


def build_model(
    family: str,
    spec: Mapping[str, JsonValue],
    *,
    outputs: int,
    channels: int,
    size: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> PixelModel:
    """Build the untrained model of a `family`, whose `build` is given `spec`; see PixelModel for the rest."""
    net = import_module(name_family(family)).build(outputs=outputs, channels=channels, size=size, **spec)
    return PixelModel(net, mean, std)


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """All parameters, running statistics included as Keras counts them, and the trainable ones."""
    statistics = sum(
        buffer.numel()
        for name, buffer in model.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    )
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return statistics + sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)
