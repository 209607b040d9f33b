import pytest
import torch

from lineup.errors import LineupError
from lineup.evaluation.quality import measure_quality, refuse_not_finite

CLASSES = ("cat", "dog", "ship")
LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
# Answers: cat, dog, dog, dog, ship, cat.
LOGITS = torch.tensor(
    [[3.0, 1, 0], [0, 2, 1], [0, 4, 1], [1, 2, 0], [0, 1, 2], [2, 0, 1]],
)


def test_scores_are_those_counted_by_hand() -> None:
    quality = measure_quality(LOGITS, LABELS, CLASSES, "x")
    assert quality.accuracy == pytest.approx(4 / 6)
    assert quality.confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert quality.per_class["dog"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "f1": 0.8, "support": 2}
    )
    assert quality.macro_precision == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert quality.macro_recall == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    assert quality.macro_f1 == pytest.approx((0.5 + 0.8 + 2 / 3) / 3)
    right = LOGITS.softmax(1)[range(6), LABELS]
    assert quality.loss == pytest.approx(-right.log().mean().item())


def test_a_class_that_is_never_predicted_or_absent_scores_zero() -> None:
    quality = measure_quality(torch.tensor([[1.0, 0, 0], [1, 0, 0]]), torch.tensor([0, 1]), CLASSES, "x")
    assert quality.per_class["dog"] == {"precision": 0, "recall": 0, "f1": 0, "support": 1}
    assert quality.per_class["ship"]["f1"] == 0
    assert quality.per_class["ship"]["support"] == 0
    assert quality.confusion.shape == (3, 3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_outputs_that_are_not_finite_are_refused(bad: float) -> None:
    logits = LOGITS.clone()
    logits[3, 1] = bad
    with pytest.raises(LineupError, match=r"d3 seed 0: 1 of 18 values of outputs are NaN or infinite"):
        measure_quality(logits, LABELS, CLASSES, "d3 seed 0")


def test_weights_that_are_not_finite_are_refused_by_name() -> None:
    with pytest.raises(LineupError, match=r"seed-0: 1 of 2 values of net\.bias"):
        refuse_not_finite({"net.bias": torch.tensor([0, float("nan")]), "n": torch.tensor(1)}, "seed-0")
