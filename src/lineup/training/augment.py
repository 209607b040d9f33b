"""Random variations of a whole batch at once, on the device that holds it."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from lineup.training.sampling import sample_uniform

# Which random number decides what; a new augmentation takes a new number, so the others keep their draws.
FLIP, ROW, COLUMN, ANGLE, CUTOUT_ROW, CUTOUT_COLUMN, BRIGHTNESS, CONTRAST, SATURATION, HUE, LANES = range(11)

# Luma of ITU-R BT.601, and the axes of colour in YIQ that hue turns about.
LUMA = (0.299, 0.587, 0.114)
TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


def augment(
    images: Tensor,
    draw: Tensor,
    *,
    blank: Tensor,
    flip: str,
    crop: int,
    rotate: float,
    shift: Sequence[float],
    fill: str,
    cutout: int,
    jitter: Sequence[float],
) -> Tensor:
    """Vary packed images uint8 [n, h, w, c]; the result is uint8 or float [n, h, w, c], 0 to 255.

    draw: what chance decides, uniform in [0, 1), float [n, LANES], from `sample_epoch`; blank: the colour
    of cut-out squares, float [c]. flip: none, random (mirror half of the images) or alternating (mirror in
    every second epoch those that were not in the one before, which `sample_epoch` decides); crop: move by up
    to so many pixels (a random crop after padding); rotate: up to so many degrees to either side; shift: up
    to these fractions of width and height; fill: what comes in from outside (zeros, border, reflection);
    cutout: side of a square painted over (DeVries and Taylor 2017); jitter: greatest relative change of
    brightness, contrast, saturation, and of hue in turns.
    """
    mirrored = flip != "none"
    if not (mirrored or crop or rotate or any(shift) or cutout or any(jitter)):
        return images
    if rotate or any(shift):
        images = _move(images, draw, mirrored, crop, rotate, shift, fill)
    elif mirrored or crop:
        images = _crop(images, draw, mirrored, crop, fill)
    if any(jitter):
        images = _jitter(images.float(), draw, jitter)
    return _cutout(images, draw, cutout, blank) if cutout else images


def sample_epoch(seed: int, epoch: int, ids: Tensor, flip: str) -> Tensor:
    """What chance decides for the images `ids`, int64 [n], in an epoch: float32 [n, LANES] for `augment`.

    flip alternating: the draw of epoch 0, moved on by half a turn each epoch (Jordan 2024).
    """
    draw = sample_uniform(seed, epoch, ids, LANES)
    if flip == "alternating":
        draw[:, FLIP] = (sample_uniform(seed, 0, ids, 1)[:, 0] + epoch / 2) % 1
    return draw


def _crop(images: Tensor, draw: Tensor, flip: bool, crop: int, fill: str) -> Tensor:
    """Shift by whole pixels and mirror: a gather of bytes, without arithmetic on pixels."""
    count, height, width, channels = images.shape
    rows = torch.arange(height, device=images.device) + _offset(draw[:, ROW], crop)[:, None]
    columns = torch.arange(width, device=images.device).expand(count, width)
    if flip:
        columns = torch.where(draw[:, FLIP, None] < 0.5, columns.flip(1), columns)
    columns = columns + _offset(draw[:, COLUMN], crop)[:, None]
    outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    rows, columns = _fold(rows, height, fill), _fold(columns, width, fill)
    first = torch.arange(count, device=images.device) * (height * width)
    places = (first[:, None, None] + rows[:, :, None] * width + columns[:, None, :]).view(-1)
    moved = images.reshape(-1, channels).index_select(0, places).view_as(images)
    return moved.masked_fill_(outside[..., None], 0) if crop and fill == "zeros" else moved


def _offset(draw: Tensor, crop: int) -> Tensor:
    """A whole number from -crop to crop."""
    return (draw * (2 * crop + 1)).long() - crop


def _fold(places: Tensor, size: int, fill: str) -> Tensor:
    """Bring places outside 0..size-1 back in: mirrored about the edge, or held at it."""
    if fill == "reflection":
        places = places.abs()
        places = torch.where(places >= size, 2 * (size - 1) - places, places)
    return places.clamp(0, size - 1)


def _move(
    images: Tensor, draw: Tensor, flip: bool, crop: int, rotate: float, shift: Sequence[float], fill: str
) -> Tensor:
    """Rotate, shift and mirror in one bilinear sampling; crop counts as a shift by whole pixels."""
    _, height, width, _ = images.shape
    # Coordinates run from -1 to 1 on both axes, so a whole side is 2, and turning needs the sides' ratio.
    reach = torch.tensor(
        [2 * (shift[1] + crop / height), 2 * (shift[0] + crop / width), math.radians(rotate)]
    )
    reach = reach.to(images.device, non_blocking=True)
    down, right, angle = (draw[:, ROW : ANGLE + 1] * (2 * reach) - reach).unbind(1)
    cosine, sine = angle.cos(), angle.sin()
    mirror = torch.where(draw[:, FLIP] < 0.5, -1.0, 1.0) if flip else torch.ones_like(angle)
    along_row = torch.stack([cosine * mirror, sine * mirror * (width / height)], dim=1)
    along_column = torch.stack([sine * (-height / width), cosine], dim=1)
    moved = torch.stack([right, down], dim=1)
    # Both coordinates as planes: half the time of affine_grid, which interleaves them.
    rows = torch.addcmul(moved[:, :, None], along_column[:, :, None], _centres(height, images.device))
    places = torch.addcmul(rows[..., None], along_row[:, :, None, None], _centres(width, images.device))
    sampled = functional.grid_sample(
        images.permute(0, 3, 1, 2).float(),
        places.permute(0, 2, 3, 1),
        mode="bilinear",
        padding_mode=fill,
        align_corners=False,
    )
    return sampled.permute(0, 2, 3, 1)


def _centres(size: int, device: torch.device) -> Tensor:
    """Where the centres of `size` pixels lie between -1 and 1."""
    return (torch.arange(size, device=device) * 2 + (1 - size)) / size


def _jitter(images: Tensor, draw: Tensor, strengths: Sequence[float]) -> Tensor:
    """Brightness, contrast and saturation as blends, hue as a turn in YIQ; grey images keep their hue."""
    lanes = torch.tensor([BRIGHTNESS, CONTRAST, SATURATION, HUE], device=images.device)
    change = (draw[:, lanes] * 2 - 1) * torch.tensor(strengths, device=images.device)
    brightness, contrast, saturation, hue = change[:, :, None, None, None].unbind(1)
    images = images * (1 + brightness)
    images = torch.lerp(_luma(images).mean((1, 2, 3), keepdim=True), images, 1 + contrast)
    if images.shape[3] == 3:
        images = torch.lerp(_luma(images), images, 1 + saturation)
        images = _turn_hue(images, hue.view(-1) * 2 * math.pi)
    return images.clamp(0, 255)


def _luma(images: Tensor) -> Tensor:
    if images.shape[3] == 1:
        return images
    return (images * torch.tensor(LUMA, device=images.device)).sum(3, keepdim=True)


def _turn_hue(images: Tensor, angle: Tensor) -> Tensor:
    """Turn the colours of images [n, h, w, 3] by angles [n] in radians about the grey axis."""
    to_yiq = torch.tensor(TO_YIQ, device=images.device)
    turn = torch.zeros(len(angle), 3, 3, device=images.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return torch.einsum("nhwc,ndc->nhwd", images, matrix)


def _cutout(images: Tensor, draw: Tensor, side: int, blank: Tensor) -> Tensor:
    """Paint a square of `side` pixels, whole or cut off by the edge, anywhere in the image."""
    _, height, width, _ = images.shape
    top = (draw[:, CUTOUT_ROW] * height).long()[:, None] - side // 2
    left = (draw[:, CUTOUT_COLUMN] * width).long()[:, None] - side // 2
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    inside_rows = (rows >= top) & (rows < top + side)
    inside_columns = (columns >= left) & (columns < left + side)
    square = (inside_rows[:, :, None] & inside_columns[:, None, :])[..., None]
    return torch.where(square, blank.to(images.dtype), images)
