"""Plain convolutional networks, written as the list of layers that a report would print.

Layers: `conv N` (3x3), `pool` (2x2 maximum), `dropout`, then `flatten` or `gap` (global average), `dense N`.
A convolution or dense layer brings its batch norm and activation; the output layer is added here.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

# All rise monotonically, which `_convolution` relies on.
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "elu": nn.ELU, "leaky_relu": nn.LeakyReLU}


class QuickDropout(nn.Dropout):
    """Dropout whose random numbers are drawn four at a time on the CPU, where they are the cost of it.

    The rate is kept to 1 in 65,536. With 16.8 million activations in bf16, there and back, it was measured to
    take 80 ms where torch's takes 165.
    """

    def forward(self, activations: Tensor) -> Tensor:
        """Drop activations in training, and scale up the others."""
        if not self.training or self.p == 0 or activations.device.type != "cpu":
            return super().forward(activations)
        words = torch.empty(-(-activations.numel() // 4), dtype=torch.int64).random_(-(2**63), 2**63 - 1)
        lanes = words.view(torch.int16)[: activations.numel()].as_strided(
            activations.shape, activations.stride()
        )
        kept = (lanes < round((1 - self.p) * 2**16) - 2**15).to(activations.dtype)
        return activations * kept.mul_(1 / (1 - self.p))


def build(
    *,
    outputs: int,
    channels: int,
    size: int,
    padding: str,
    batch_norm: str,
    activation: str,
    dropout: float,
    layers: Sequence[str],
) -> nn.Module:
    """Build the network for images [n, channels, size, size]; it gives logits [n, outputs].

    padding: same or valid; batch_norm: none, conv (after convolutions) or all (after dense layers too).
    Weights start as in Keras: Glorot uniform, biases zero (Glorot and Bengio 2010).
    """
    modules: list[nn.Module] = []
    features = channels
    for layer, following in pairwise([*layers, "end"]):
        kind, _, width = layer.partition(" ")
        if kind == "conv":
            pooled = following == "pool"
            modules += _convolution(features, int(width), padding, batch_norm != "none", activation, pooled)
            features, size = int(width), size if padding == "same" else size - 2
            size = size // 2 if pooled else size
        elif kind == "dense":
            modules += _dense(features, int(width), batch_norm == "all", activation)
            features = int(width)
        elif kind == "dropout":
            modules.append(QuickDropout(dropout))
        elif kind == "flatten":
            modules.append(nn.Flatten())
            features *= size * size
        elif kind == "gap":
            modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    net = nn.Sequential(*modules, nn.Linear(features, outputs))
    net.apply(_start_as_keras)
    return net


def _convolution(
    features: int, width: int, padding: str, batch_norm: bool, activation: str, pooled: bool
) -> list[nn.Module]:
    """One convolution with what belongs to it.

    Pooling stands before the activation: the maximum of a rising function is the function of the maximum,
    so the bits are the same and the activation has a quarter of the work.
    """
    return [
        nn.Conv2d(features, width, 3, padding=padding),
        *([nn.BatchNorm2d(width)] if batch_norm else []),
        *([nn.MaxPool2d(2)] if pooled else []),
        ACTIVATIONS[activation](),
    ]


def _dense(features: int, width: int, batch_norm: bool, activation: str) -> list[nn.Module]:
    return [
        nn.Linear(features, width),
        *([nn.BatchNorm1d(width)] if batch_norm else []),
        ACTIVATIONS[activation](),
    ]


def _start_as_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
