"""Classification: cross-entropy against the label, judged by accuracy."""

import torch
from torch import Tensor
from torch.nn import functional

# What `score` sums up, in its order; SELECT names the one that decides which weights are kept.
SCORES = ("loss", "accuracy")
SELECT = "accuracy"
LARGER_IS_BETTER = True


def loss(outputs: Tensor, images: Tensor, labels: Tensor, *, label_smoothing: float) -> Tensor:
    """Mean cross-entropy of logits [n, k] against labels [n], with label smoothing (Szegedy et al. 2016)."""
    return functional.cross_entropy(outputs.float(), labels, label_smoothing=label_smoothing)


def score(outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Sums over a batch, float64 [2]: cross-entropy without smoothing, and the number of right answers."""
    outputs = outputs.detach().float()
    right = (outputs.argmax(1) == labels).sum()
    return torch.stack([functional.cross_entropy(outputs, labels, reduction="sum"), right]).double()
