"""Prepared datasets: what comes back, equal bytes, and unreadable files."""

from pathlib import Path

import pytest
import torch

from lineup.data.dataset import ImageDataset, read_dataset, write_dataset
from lineup.errors import LineupError

DATASET = ImageDataset(
    images=torch.randint(0, 256, (5, 4, 4, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8),
    labels=torch.tensor([0, 1, 0, 1, 1]),
    ids=torch.tensor([-(2**63), 5, 7, 2**63 - 1, 0]),
    held_out=torch.tensor([True, False, False, True, False]),
    classes=("cat", "dog"),
    mean=(0.0, 0.0, 0.0),
    std=(255.0, 255.0, 255.0),
    channel_mean=(125.3, 122.9, 113.8),
    channel_std=(62.9, 62.0, 66.7),
)


def test_a_dataset_comes_back_as_it_was(tmp_path: Path) -> None:
    write_dataset(DATASET, tmp_path / "dataset")
    back = read_dataset(tmp_path / "dataset")
    for name in ("images", "labels", "ids", "held_out"):
        assert torch.equal(getattr(back, name), getattr(DATASET, name))
    for name in ("classes", "mean", "std", "channel_mean", "channel_std"):
        assert getattr(back, name) == getattr(DATASET, name)


def test_the_same_dataset_gives_the_same_bytes(tmp_path: Path) -> None:
    write_dataset(DATASET, tmp_path / "one")
    write_dataset(DATASET, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"{}", b"not a dataset at all"])
def test_what_is_no_dataset_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "dataset").write_bytes(content)
    with pytest.raises(LineupError, match="dataset: not readable"):
        read_dataset(tmp_path / "dataset")
