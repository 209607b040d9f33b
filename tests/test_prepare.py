import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from lineup.data.dataset import write_dataset
from lineup.data.prepare import identify, measure_channels, prepare, recolor, resize
from lineup.data.raw import RawDataset
from lineup.errors import LineupError


def some_images(number: int, channels: int = 3, side: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(number)
    shape = (number, side, side, channels)
    return torch.randint(256, shape, dtype=torch.uint8, generator=generator)


RECORDS = RawDataset(
    some_images(40), torch.arange(40) % 4, some_images(12), torch.arange(12) % 4, ("a", "b", "c", "d")
)
OPTIONS = {"color": "rgb", "size": 32, "validation": 0.2, "split_seed": 0, "normalize": "channel"}


def test_learn_holds_train_and_validation_and_test_only_test() -> None:
    learn, test = prepare(RECORDS, **OPTIONS)
    assert torch.equal(learn.images, RECORDS.train_images)
    assert torch.equal(test.images, RECORDS.test_images)
    assert torch.equal(learn.labels, RECORDS.train_labels)
    assert torch.equal(test.labels, RECORDS.test_labels)
    assert learn.labels[learn.held_out].bincount().tolist() == [2, 2, 2, 2]
    assert not test.held_out.any()
    assert learn.classes == test.classes == ("a", "b", "c", "d")


def test_ids_and_split_are_those_of_the_raw_pixels_in_every_view() -> None:
    learn, test = prepare(RECORDS, **OPTIONS)
    other = {**OPTIONS, "color": "gray", "size": 40, "normalize": "unit"}
    gray_learn, gray_test = prepare(RECORDS, **other)
    assert torch.equal(learn.ids, gray_learn.ids)
    assert torch.equal(test.ids, gray_test.ids)
    assert torch.equal(learn.held_out, gray_learn.held_out)
    digest = hashlib.sha256(bytes(RECORDS.train_images[5].flatten().tolist())).digest()
    assert learn.ids[5] == int.from_bytes(digest[:8], "big", signed=True)


def test_ids_do_not_depend_on_strides() -> None:
    images = some_images(3)
    strided = images.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0)
    assert torch.equal(identify(images), identify(strided))


def test_statistics_are_of_all_train_images_and_serve_the_test_images() -> None:
    learn, test = prepare(RECORDS, **OPTIONS)
    pixels = RECORDS.train_images.double().flatten(0, 2)
    assert learn.channel_mean == pytest.approx(pixels.mean(0).tolist(), rel=1e-12)
    assert learn.channel_std == pytest.approx(pixels.std(0, correction=0).tolist(), rel=1e-12)
    assert (learn.mean, learn.std) == (learn.channel_mean, learn.channel_std)
    assert (test.mean, test.std) == (learn.mean, learn.std)
    assert (test.channel_mean, test.channel_std) == (learn.channel_mean, learn.channel_std)


@pytest.mark.parametrize(("normalize", "mean", "std"), [("unit", 0.0, 255.0), ("symmetric", 127.5, 127.5)])
def test_fixed_normalisations_keep_the_statistics_beside(normalize: str, mean: float, std: float) -> None:
    learn, _ = prepare(RECORDS, **{**OPTIONS, "normalize": normalize})
    assert (learn.mean, learn.std) == ((mean,) * 3, (std,) * 3)
    assert learn.channel_mean == prepare(RECORDS, **OPTIONS)[0].channel_mean


def test_a_view_has_the_statistics_of_its_own_pixels() -> None:
    learn, _ = prepare(RECORDS, **{**OPTIONS, "color": "gray", "size": 16})
    assert learn.images.shape == (40, 16, 16, 1)
    assert learn.channel_std == measure_channels(learn.images)[1]


def test_grey_is_the_rounded_luma() -> None:
    images = some_images(4)
    red, green, blue = images.double().unbind(-1)
    expected = torch.floor(0.299 * red + 0.587 * green + 0.114 * blue + 0.5 + 1e-9)
    grey = recolor(images, "gray")
    assert grey.shape == (4, 32, 32, 1)
    assert torch.equal(grey[..., 0].double(), expected)
    assert recolor(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8), "gray").item() == 255


def test_a_grey_source_is_repeated_for_rgb_and_left_alone_for_grey() -> None:
    grey = some_images(2, channels=1)
    assert torch.equal(recolor(grey, "rgb"), torch.cat([grey] * 3, -1))
    assert torch.equal(recolor(grey, "gray"), grey)


def test_the_stored_size_is_not_touched() -> None:
    images = some_images(2)
    assert torch.equal(resize(images, 32), images)


@pytest.mark.parametrize("size", [8, 20, 48, 75])
def test_resizing_agrees_with_pillow(size: int) -> None:
    images = some_images(3)
    resized = resize(images, size)
    assert (resized.shape, resized.dtype) == ((3, size, size, 3), torch.uint8)
    for image, ours in zip(images, resized, strict=True):
        pillow = Image.fromarray(image.numpy()).resize((size, size), Image.Resampling.BILINEAR)
        theirs = torch.tensor(list(pillow.tobytes())).reshape(size, size, 3)
        assert (ours.int() - theirs).abs().max() <= 1


def test_batches_do_not_change_what_is_resized(monkeypatch: pytest.MonkeyPatch) -> None:
    images = some_images(7)
    whole = resize(images, 20)
    monkeypatch.setattr("lineup.data.prepare.BATCH", 3)
    assert torch.equal(resize(images, 20), whole)


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dataset(prepare(RECORDS, **{**OPTIONS, "size": 20})[0], tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_channel_that_never_varies_cannot_be_divided_by_its_deviation() -> None:
    images = RECORDS.train_images.clone()
    images[..., 2] = 7
    records = replace(RECORDS, train_images=images)
    with pytest.raises(LineupError, match=r"channel 3 of 3 is the same in all images of train; .* to unit"):
        prepare(records, **OPTIONS)
    assert prepare(records, **{**OPTIONS, "normalize": "unit"})[0].channel_std[2] == 0
