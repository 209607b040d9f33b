from pathlib import Path

import pytest
import torch
from PIL import Image

from lineup.evaluation.evaluators.classification.calibration import (
    fit_temperature,
    measure_error,
    trace_reliability,
)
from lineup.evaluation.evaluators.classification.reliability import plot_reliability


def sample(factor: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are `factor` times too large for the labels drawn from them."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 5, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    return factor * logits, labels


def test_error_is_the_mean_distance_between_certainty_and_share() -> None:
    # Four answers of 0.9, three of them right, and six of 0.6, three of them right.
    probabilities = torch.tensor([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 6)
    labels = torch.tensor([0, 0, 0, 1, 0, 0, 0, 1, 1, 1])
    assert measure_error(probabilities, labels) == pytest.approx(0.4 * 0.15 + 0.6 * 0.1, abs=1e-6)
    sure, share = trace_reliability(probabilities, labels)
    assert sure.tolist() == pytest.approx([0.6, 0.9])
    assert share.tolist() == pytest.approx([0.5, 0.75])


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_temperature_undoes_what_makes_a_model_too_sure(factor: float) -> None:
    logits, labels = sample(factor)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(factor, rel=0.05)
    assert measure_error((logits / temperature).softmax(1), labels) < 0.015
    if factor > 1:
        assert measure_error(logits.softmax(1), labels) > 0.1


def test_picture_is_drawn_and_its_bytes_repeat(tmp_path: Path) -> None:
    logits, labels = sample(3.0)
    # A model that is as sure as a float can be has probabilities of exactly 0.
    for name, factor in (("a", 1.0), ("b", 1.0), ("sure", 100.0)):
        plot_reliability((factor * logits).softmax(1), labels, 3.0, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "sure.png") as picture:
        assert picture.size > (400, 400)
