"""What a run trains: any family's network behind one door, from raw pixels to outputs.

A family is a module of this package with `build(*, outputs, channels, size, **spec) -> nn.Module`; the
spec is its entry in params.yaml.
"""

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn


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


def rebuild(facts: dict[str, Any]) -> PixelModel:
    """Build the untrained model that model.json describes; its weights are loaded by the caller."""
    family = import_module(f"lineup.models.{facts['family']}")
    net = family.build(
        outputs=len(facts["classes"]), channels=facts["channels"], size=facts["size"], **facts["spec"]
    )
    return PixelModel(net, facts["mean"], facts["std"])


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """All parameters, running statistics included as Keras counts them, and the trainable ones."""
    statistics = sum(
        buffer.numel()
        for name, buffer in model.named_buffers()
        if name.endswith(("running_mean", "running_var"))
    )
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return statistics + sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)
