"""An alarm for classifiers that have learned nothing: an accuracy of chance, or one answer for all images.

The usual causes are a wrong normalisation, a learning rate that is too high and labels out of order.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

# Standard errors above chance, and the share of answers that one class may get.
ERRORS, SHARE = 3, 0.95


def find_in_curve(rows: Sequence[Mapping[str, Any]], classes: int, images: int) -> str | None:
    """What is alarming about one seed's learning curve on `images` validation images; None if nothing is.

    rows: one an epoch, with val_accuracy where the task has labels.
    """
    accuracies = [float(row["val_accuracy"]) for row in rows if "val_accuracy" in row]
    limit = bound_chance(1 / classes, images)
    if not accuracies or accuracies[-1] > limit:
        return None
    if max(accuracies) <= limit:
        return f"validation accuracy stays at chance ({accuracies[-1]:.4f} of {classes} classes)"
    return f"validation accuracy fell back to chance ({accuracies[-1]:.4f} after {max(accuracies):.4f})"


def find_in_answers(probabilities: Tensor, labels: Tensor) -> str | None:
    """What is alarming about a seed's answers: float [n, classes], labels int64 [n]; None if nothing is."""
    answers, classes = probabilities.argmax(1), probabilities.shape[1]
    most = answers.bincount(minlength=classes)
    share = float(most.max()) / len(answers)
    if share >= SHARE:
        return f"{share:.1%} of the answers are class {int(most.argmax())}"
    accuracy = float((answers == labels).double().mean())
    if accuracy <= bound_chance(1 / classes, len(labels)):
        return f"accuracy is that of chance ({accuracy:.4f} of {classes} classes)"
    return None


def bound_chance(chance: float, images: int) -> float:
    """The accuracy that guessing hardly exceeds: normal approximation of the binomial distribution."""
    return chance + ERRORS * math.sqrt(chance * (1 - chance) / images)
