"""Networks of torchvision that are convolutional features and a dense classifier, fitted to small images."""

from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_model

from lineup.models.small_feature_maps import speed_up


def build(*, outputs: int, channels: int, size: int, arch: str, dropout: float) -> nn.Module:
    """Build torchvision's `arch` for images [n, channels, size, size]; it gives logits [n, outputs].

    The first convolution becomes 3x3 with stride 1, and the classifier's first layer takes the features that
    are left of `size` pixels, instead of those of 224 pixels pooled to a fixed grid.
    """
    net: Any = get_model(arch, weights=None, num_classes=outputs, dropout=dropout)
    first = net.features[0]
    net.features[0] = nn.Conv2d(channels, first.out_channels, 3, padding=1)
    net.avgpool = nn.Identity()
    place, dense = next(
        (place, layer) for place, layer in enumerate(net.classifier) if hasattr(layer, "weight")
    )
    net.classifier[place] = nn.Linear(_count_features(net.features, channels, size), dense.out_features)
    return speed_up(net)


@torch.no_grad()
def _count_features(features: nn.Module, channels: int, size: int) -> int:
    some: Tensor = features.eval()(torch.zeros(1, channels, size, size))
    return some.numel()
