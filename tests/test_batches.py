"""Batches: what stands in each, and that varying many images at once changes nothing."""

from functools import partial

import pytest
import torch
from torch import Tensor

from lineup.training import batches
from lineup.training.augment import augment, sample_epoch
from lineup.training.batches import Batches

COUNT, SIZE = 50, 8
IDS = torch.arange(COUNT) + 7
PART = {
    "images": torch.randint(256, (COUNT, SIZE, SIZE, 3), dtype=torch.uint8),
    "labels": torch.arange(COUNT),
    "ids": IDS,
}
ORDER = torch.randperm(COUNT)
VARY = partial(
    augment, blank=torch.zeros(3), flip="random", crop=2, rotate=10.0, shift=[0.1, 0.1], fill="zeros",
    cutout=3, jitter=[0.2, 0.2, 0.2, 0.1],
)  # fmt: skip


def make(batch_size: int, channels_last: bool = True) -> Batches:
    draws = sample_epoch(0, 3, IDS, "random")
    return Batches(PART, ORDER, draws, VARY, batch_size=batch_size, channels_last=channels_last)


def vary_alone(step: int, batch_size: int) -> Tensor:
    chosen = ORDER[step * batch_size : (step + 1) * batch_size]
    draws = sample_epoch(0, 3, IDS[chosen], "random")
    return VARY(PART["images"][chosen], draws).permute(0, 3, 1, 2)


@pytest.mark.parametrize("together", [1, 20, 1024])
def test_every_batch_holds_the_images_of_its_places(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    monkeypatch.setattr(batches, "IMAGES_TOGETHER", together)
    made = make(batch_size=8)
    for step in range(7):
        images, labels = made[step]
        assert torch.equal(labels, PART["labels"][ORDER[step * 8 : (step + 1) * 8]])
        torch.testing.assert_close(images, vary_alone(step, 8))


def test_a_batch_does_not_depend_on_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "IMAGES_TOGETHER", 24)
    straight = make(batch_size=8)
    expected = [straight[step][0] for step in range(6)]
    assert torch.equal(make(batch_size=8)[5][0], expected[5])
    assert torch.equal(make(batch_size=8)[4][0], expected[4])


def test_the_layout_is_the_one_asked_for() -> None:
    assert make(8)[0][0].is_contiguous(memory_format=torch.channels_last)
    assert make(8, channels_last=False)[0][0].is_contiguous()
