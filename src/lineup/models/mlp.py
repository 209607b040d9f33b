"""Networks of dense layers on the flattened image; without hidden layers, logistic regression."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def build(*, outputs: int, channels: int, size: int, layers: Sequence[int], dropout: float) -> nn.Module:
    """Build the network with hidden widths `layers`: images [n, channels, size, size] to logits."""
    widths = [channels * size * size, *layers]
    hidden = [
        module
        for features, width in pairwise(widths)
        for module in (nn.Linear(features, width), nn.ReLU(), nn.Dropout(dropout))
    ]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(widths[-1], outputs))
