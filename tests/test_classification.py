"""Classification: its loss and its scores."""

import torch
from torch.nn import functional

from lineup.tasks import classification

LOGITS, LABELS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]), torch.tensor([0, 1, 1])


def test_scores_are_sums_of_cross_entropy_and_right_answers() -> None:
    summed = classification.score(LOGITS, LOGITS, LABELS)
    expected = functional.cross_entropy(LOGITS, LABELS, reduction="sum")
    torch.testing.assert_close(summed, torch.stack([expected, torch.tensor(2.0)]).double())


def test_smoothing_mixes_in_the_uniform_distribution() -> None:
    plain = classification.loss(LOGITS, LOGITS, LABELS, label_smoothing=0.0)
    uniform = -LOGITS.log_softmax(1).mean()
    smoothed = classification.loss(LOGITS, LOGITS, LABELS, label_smoothing=0.2)
    torch.testing.assert_close(smoothed, 0.8 * plain + 0.2 * uniform)
