from pathlib import Path

import torch
from sklearn.datasets import load_digits

from lineup.data.raw import read_raw
from lineup.sources.digits import read_digits, save


def test_all_digits_are_there_scaled_to_bytes() -> None:
    records = read_digits()
    images = torch.cat([records.train_images, records.test_images])
    assert (images.dtype, images.shape) == (torch.uint8, (1797, 8, 8, 1))
    # scikit-learn's 0 to 16, spread over 0 to 255 and rounded half up.
    expected = torch.tensor(load_digits().data * 255 / 16 + 0.5).floor()
    assert sorted(images.flatten(1).tolist()) == sorted(expected.int().tolist())


def test_pictures_keep_their_labels() -> None:
    bunch = load_digits()
    labels = dict(zip(map(tuple, (bunch.data > 8).astype(int).tolist()), bunch.target.tolist(), strict=True))
    records = read_digits()
    bits = (records.test_images.flatten(1) > 128).int().tolist()
    assert [labels[tuple(row)] for row in bits] == records.test_labels.tolist()


def test_every_fifth_record_of_each_class_is_a_test_image() -> None:
    records = read_digits()
    assert len(records.test_labels) == 1797 // 5
    train, test = records.train_labels.bincount(), records.test_labels.bincount()
    assert records.classes == tuple("0123456789")
    assert all(abs(have - all_of_it / 5) <= 1 for have, all_of_it in zip(test, train + test, strict=True))


def test_the_file_is_the_same_each_time(tmp_path: Path) -> None:
    save(tmp_path / "one")
    save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert len(read_raw(tmp_path / "one").train_labels) == 1797 - 1797 // 5
