"""Pictures of a view."""

from pathlib import Path

import pytest
import torch
from matplotlib.image import imread

from lineup.data.dataset import ImageDataset
from lineup.data.pictures import plot_classes
from lineup.pictures import space


def make(channels: int) -> ImageDataset:
    count = 24
    images = torch.randint(0, 256, (count, 8, 8, channels), dtype=torch.uint8)
    facts = ((0.0,) * channels, (255.0,) * channels) * 2
    held_out = torch.arange(count) % 4 == 0
    return ImageDataset(
        images, torch.arange(count) % 3, torch.arange(count), held_out, ("a", "b", "c"), *facts
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_view_gives_the_same_picture_with_a_row_a_class(tmp_path: Path, channels: int) -> None:
    dataset = make(channels)
    plot_classes(dataset, tmp_path / "first.png")
    plot_classes(dataset, tmp_path / "second.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()
    height, width, _ = imread(tmp_path / "first.png").shape
    assert width > 3 * height


def test_images_are_spread_evenly() -> None:
    places = torch.tensor([1, 2, 3, 4, 6, 7])
    assert space(places, 3).tolist() == [1, 3, 7]
    assert space(places, 9).tolist() == [1, 2, 3, 4, 6, 7]
    assert space(places[:0], 3).tolist() == []
