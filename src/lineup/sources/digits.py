"""Digits: the 1,797 grey images of 8 x 8 pixels that come with scikit-learn. Needs no network."""

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from lineup.data.raw import RawDataset, write_raw

BRIGHTEST = 16
EVERY = 5


def save(target: Path) -> None:
    """Write the digits to `target`."""
    write_raw(read_digits(), target)


def read_digits() -> RawDataset:
    """The digits scaled from 0..16 to 0..255; every fifth record of the canonical order is a test image."""
    images, labels = _sort_digits()
    test = torch.arange(len(labels)) % EVERY == EVERY - 1
    return RawDataset(images[~test], labels[~test], images[test], labels[test], classes=tuple("0123456789"))


def _sort_digits() -> tuple[Tensor, Tensor]:
    bunch = load_digits()
    pixels = (bunch.data.astype(np.int64) * 255 + BRIGHTEST // 2) // BRIGHTEST
    rows = sorted(bytes([label, *row]) for label, row in zip(bunch.target, pixels, strict=True))
    table = torch.frombuffer(bytearray(b"".join(rows)), dtype=torch.uint8).reshape(len(rows), -1)
    return table[:, 1:].reshape(-1, 8, 8, 1), table[:, 0].long()
