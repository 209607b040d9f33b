"""Any architecture of timm, with its stem fitted to small images where asked."""

from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor, nn
from torch.nn import functional


class Upsampled(nn.Module):
    """A network behind a bilinear enlargement of its input to `size` x `size` pixels."""

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net = net
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """Enlarge images [n, c, h, w] and apply the network."""
        larger = functional.interpolate(
            images, size=(self.size, self.size), mode="bilinear", align_corners=False
        )
        outputs: Tensor = self.net(larger)
        return outputs


def build(
    *,
    outputs: int,
    channels: int,
    size: int,
    arch: str,
    stem: str,
    input_size: int | None,
    dropout: float,
    options: Mapping[str, Any],
) -> nn.Module:
    """Build timm's `arch`, with `options` handed on to it.

    The network turns images [n, channels, size, size] into logits [n, outputs].
    stem: standard, or cifar (without the first two halvings); input_size: enlarge the images to this side
    first, or null.
    """
    net: nn.Module = timm.create_model(
        arch, pretrained=False, num_classes=outputs, in_chans=channels, drop_rate=dropout, **options
    )
    if stem == "cifar":
        _fit_stem(net)
    return Upsampled(net, input_size) if input_size and input_size != size else net


def _fit_stem(net: nn.Module) -> None:
    """Leave out the first two halvings, so that 32-pixel images keep their resolution.

    The first convolution becomes 3x3 with stride 1; the first max-pooling goes, or, in networks without one,
    the next convolution with a stride loses it.
    """
    convolutions = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d)]
    name, first = convolutions[0]
    conv = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1, bias=first.bias is not None)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    parent, _, leaf = name.rpartition(".")
    setattr(net.get_submodule(parent), leaf, conv)
    if hasattr(net, "maxpool"):
        net.maxpool = nn.Identity()
    else:
        next(layer for _, layer in convolutions[1:] if layer.stride != (1, 1)).stride = (1, 1)
