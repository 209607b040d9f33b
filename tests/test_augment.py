"""Augmentation: against plain image operations, one image at a time."""

from typing import Any

import pytest
import torch
from PIL import Image

from lineup.training.augment import (
    ANGLE,
    BRIGHTNESS,
    COLUMN,
    CONTRAST,
    CUTOUT_COLUMN,
    CUTOUT_ROW,
    FLIP,
    HUE,
    LANES,
    ROW,
    SATURATION,
    augment,
)

OFF: dict[str, Any] = {
    "flip": "none", "crop": 0, "rotate": 0.0, "shift": [0.0, 0.0], "fill": "zeros", "cutout": 0,
    "jitter": [0.0] * 4, "blank": torch.tensor([9.0, 8.0, 7.0]),
}  # fmt: skip
IMAGES = torch.randint(1, 256, (6, 12, 12, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def vary(draws: dict[int, float], **options: Any) -> torch.Tensor:
    """IMAGES augmented with chosen numbers in place of chance; 0.5 stands for no change in most of them."""
    draw = torch.full((len(IMAGES), LANES), 0.5)
    for lane, value in draws.items():
        draw[:, lane] = value
    return augment(IMAGES, draw, **{**OFF, **options})


def test_without_options_images_pass_untouched() -> None:
    assert vary({}) is IMAGES


def test_flip_mirrors_left_and_right() -> None:
    assert torch.equal(vary({FLIP: 0.4}, flip="random"), IMAGES.flip(2))
    assert torch.equal(vary({FLIP: 0.6}, flip="random"), IMAGES)


@pytest.mark.parametrize("fill", ["zeros", "border", "reflection"])
def test_crop_is_padding_and_cutting(fill: str) -> None:
    mode = {"zeros": "constant", "border": "replicate", "reflection": "reflect"}[fill]
    planes = IMAGES.permute(0, 3, 1, 2).float()
    padded = torch.nn.functional.pad(planes, (2, 2, 2, 2), mode=mode).permute(0, 2, 3, 1).to(torch.uint8)
    moved = vary({ROW: 0.0, COLUMN: 0.99}, crop=2, fill=fill)
    assert torch.equal(moved, padded[:, 0:12, 4:16])


def test_crop_reaches_every_offset_equally_often() -> None:
    draw = torch.full((9000, LANES), 0.5)
    draw[:, ROW] = torch.linspace(0, 0.99999, 9000)
    row_numbers = torch.arange(12, dtype=torch.uint8).view(1, 12, 1, 1).expand(9000, 12, 12, 1)
    options = {**OFF, "crop": 4, "fill": "border", "blank": torch.zeros(1)}
    middle = augment(row_numbers, draw, **options)[:, 6, 0, 0]
    assert torch.bincount(middle.long())[2:11].tolist() == [1000] * 9


def test_a_quarter_turn_and_a_whole_shift_move_pixels_exactly() -> None:
    turned = vary({ANGLE: 1.0}, rotate=90.0)
    torch.testing.assert_close(turned, IMAGES.rot90(1, (1, 2)).float(), atol=0.01, rtol=0)
    shifted = vary({COLUMN: 1.0}, shift=[0.25, 0.0])
    torch.testing.assert_close(shifted[:, :, :9], IMAGES[:, :, 3:].float(), atol=0.01, rtol=0)
    assert shifted[:, :, 9:].abs().max() < 0.01


def test_rotation_agrees_with_pillow() -> None:
    smooth = torch.zeros(1, 32, 32, 3)
    smooth[0, 8:20, 10:26] = 200.0
    draw = torch.full((1, LANES), 0.5)
    draw[:, ANGLE] = 1.0
    ours = augment(smooth.to(torch.uint8), draw, **{**OFF, "rotate": 15.0})[0]
    picture = Image.fromarray(smooth[0].to(torch.uint8).numpy())
    turned = picture.rotate(15, resample=Image.Resampling.BILINEAR)
    theirs = torch.frombuffer(bytearray(turned.tobytes()), dtype=torch.uint8).view(32, 32, 3).float()
    assert (ours - theirs).abs().mean() < 1.0


def test_flip_and_shift_compose_in_one_sampling() -> None:
    both = vary({FLIP: 0.1, COLUMN: 0.5}, flip="random", shift=[0.25, 0.25])
    torch.testing.assert_close(both, IMAGES.flip(2).float(), atol=0.01, rtol=0)


def test_brightness_contrast_and_saturation_are_blends() -> None:
    planes = IMAGES.float()
    luma = (planes * torch.tensor([0.299, 0.587, 0.114])).sum(3, keepdim=True)
    cases = {
        BRIGHTNESS: planes * 1.2,
        CONTRAST: luma.mean((1, 2, 3), keepdim=True) * -0.2 + planes * 1.2,
        SATURATION: luma * -0.2 + planes * 1.2,
    }
    for place, (lane, expected) in enumerate(cases.items()):
        jitter = [0.0] * 4
        jitter[place] = 0.2
        torch.testing.assert_close(
            vary({lane: 1.0}, jitter=jitter), expected.clamp(0, 255), atol=0.02, rtol=0
        )


def test_hue_turns_about_grey() -> None:
    jitter = [0.0, 0.0, 0.0, 0.5]
    grey = torch.full((1, 4, 4, 3), 77, dtype=torch.uint8)
    draw = torch.full((1, LANES), 0.5)
    draw[:, HUE] = 1.0  # half a turn
    torch.testing.assert_close(
        augment(grey, draw, **{**OFF, "jitter": jitter}), grey.float(), atol=0.2, rtol=0
    )
    red = torch.tensor([150, 100, 100], dtype=torch.uint8).expand(1, 4, 4, 3)
    turned = augment(red, draw, **{**OFF, "jitter": jitter})[0, 0, 0]
    assert turned[0] < turned[1]
    assert turned[0] < turned[2]


def test_grey_images_keep_one_channel_under_jitter() -> None:
    draw = torch.rand(6, LANES)
    options = {**OFF, "jitter": [0.2, 0.2, 0.2, 0.1], "blank": torch.zeros(1)}
    assert augment(IMAGES[..., :1], draw, **options).shape == (6, 12, 12, 1)


def test_cutout_paints_one_square() -> None:
    cut = vary({CUTOUT_ROW: 0.5, CUTOUT_COLUMN: 0.0}, cutout=4)
    blank = torch.tensor([9, 8, 7], dtype=torch.uint8)
    assert (cut[:, 4:8, 0:2] == blank).all()
    expected = IMAGES.clone()
    expected[:, 4:8, 0:2] = blank
    assert torch.equal(cut, expected)
