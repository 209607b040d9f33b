"""Reconstruction: its loss and its scores."""

import math

import pytest
import torch

from lineup.tasks import reconstruction

# Two raw images of one pixel and three channels, and what came back: errors of 0 and of 0.2, 0 and 0.1.
IMAGES = torch.tensor([[0, 255, 51], [51, 0, 255]], dtype=torch.uint8).view(2, 3, 1, 1)
OUTPUTS = torch.tensor([[0.0, 1.0, 0.2], [0.0, 0.0, 0.9]]).view(2, 3, 1, 1)
LABELS = torch.zeros(2, dtype=torch.int64)
ERROR = (0.2**2 + 0.1**2) / 3


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_loss_is_the_error_against_raw_images_and_ignores_labels(kind: torch.dtype) -> None:
    loss = reconstruction.loss(OUTPUTS.bfloat16(), IMAGES.to(kind), LABELS, label_smoothing=0.0)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(ERROR / 2, rel=0.01)


def test_scores_are_sums_over_images_and_a_perfect_one_stays_finite() -> None:
    summed = reconstruction.score(OUTPUTS, IMAGES, LABELS)
    expected = torch.tensor([ERROR, 100 + 10 * math.log10(1 / ERROR)], dtype=torch.float64)
    torch.testing.assert_close(summed, expected, atol=1e-5, rtol=0)


def test_less_error_is_better() -> None:
    assert reconstruction.SCORES[0] == reconstruction.SELECT == "loss"
    assert not reconstruction.LARGER_IS_BETTER
