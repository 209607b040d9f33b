"""Applying a model to packed images."""

import torch
from torch import nn

from lineup.inference import predict, to_batch

IMAGES = torch.randint(0, 256, (7, 4, 4, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
OPTIONS = {"precision": "fp32", "device": torch.device("cpu"), "channels_last": True}


class Corner(nn.Module):
    """Two logits: the red of the upper left and of the upper right corner."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, [0, -1]].float() / 100


def test_packed_images_become_planes_in_either_layout() -> None:
    for channels_last in (True, False):
        batch = to_batch(IMAGES, channels_last)
        assert torch.equal(batch, IMAGES.permute(0, 3, 1, 2))
        assert batch.is_contiguous(memory_format=torch.channels_last) == channels_last


def test_batches_do_not_change_predictions() -> None:
    whole = predict(Corner(), IMAGES, batch_size=7, **OPTIONS)
    assert torch.equal(predict(Corner(), IMAGES, batch_size=3, **OPTIONS), whole)
    assert torch.equal(whole, IMAGES[:, 0, [0, -1], 0].float() / 100)


def test_dropout_is_off() -> None:
    model = nn.Sequential(Corner(), nn.Dropout(0.9)).train()
    assert torch.equal(
        predict(model, IMAGES, batch_size=7, **OPTIONS), predict(Corner(), IMAGES, batch_size=7, **OPTIONS)
    )


def test_flip_averages_an_image_with_its_mirror_image() -> None:
    flipped = predict(Corner(), IMAGES, batch_size=7, flip=True, **OPTIONS)
    logits = predict(Corner(), IMAGES, batch_size=7, **OPTIONS)
    expected = (logits.log_softmax(1) + logits.flip(1).log_softmax(1)) / 2
    torch.testing.assert_close(flipped, expected)
