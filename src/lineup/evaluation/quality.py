"""How well a classifier answers: accuracy, loss, precision, recall and F1, overall and per class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from torch import Tensor
from torch.nn import functional

from lineup.errors import LineupError


@dataclass(frozen=True)
class Quality:
    """Scores on one set of images; a class that is never predicted has precision and F1 of 0.

    loss: mean cross-entropy in nats; per_class: {class: {precision, recall, f1, support}};
    confusion: int64 [classes, classes], rows are the actual class, columns the predicted one.
    """

    accuracy: float
    loss: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    per_class: dict[str, dict[str, float]]
    confusion: NDArray[np.int64]


def measure_quality(logits: Tensor, labels: Tensor, classes: Sequence[str], where: str) -> Quality:
    """Score float logits [n, classes] against int64 labels [n], both on the CPU.

    Raises LineupError, naming `where`, if a logit is not finite: argmax would answer class 0 for NaN,
    which looks like a model at chance.
    """
    refuse_not_finite({"outputs": logits}, where)
    actual, predicted = labels.numpy(), logits.argmax(1).numpy()
    numbers = np.arange(len(classes))
    columns = precision_recall_fscore_support(actual, predicted, labels=numbers, zero_division=0.0)
    macro_precision, macro_recall, macro_f1 = (float(column.mean()) for column in columns[:3])
    return Quality(
        accuracy=float(accuracy_score(actual, predicted)),
        loss=functional.cross_entropy(logits.double(), labels).item(),
        macro_precision=macro_precision,
        macro_recall=macro_recall,
        macro_f1=macro_f1,
        per_class=_name_rows(classes, columns),
        confusion=confusion_matrix(actual, predicted, labels=numbers),
    )


def refuse_not_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Raise LineupError, naming `where` and the tensor, if a value in `tensors` is NaN or infinite."""
    for name, tensor in tensors.items():
        bad = int((~torch.isfinite(tensor)).sum())
        if bad:
            raise LineupError(
                where,
                f"{bad} of {tensor.numel()} values of {name} are NaN or infinite",
                "finite numbers",
                "train the run again, with a lower learning rate if it happens again",
            )


def _name_rows(
    classes: Sequence[str], columns: tuple[NDArray[np.float64], ...]
) -> dict[str, dict[str, float]]:
    names = ("precision", "recall", "f1", "support")
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {label: dict(zip(names, row, strict=True)) for label, row in zip(classes, rows, strict=True)}
