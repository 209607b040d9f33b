"""What a model is asked to do: its loss and its scores, one module a task."""

from typing import Protocol

from torch import Tensor


class Task(Protocol):
    """What each module of this package has."""

    SCORES: tuple[str, str]  # what `score` sums up, in its order: the loss, and a score
    SELECT: str  # the one of them that decides which weights are kept
    LARGER_IS_BETTER: bool

    def loss(self, outputs: Tensor, images: Tensor, labels: Tensor, *, label_smoothing: float) -> Tensor:
        """The mean loss of a batch."""

    def score(self, outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        """Sums over a batch, float64 [2]."""
