from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lineup.data.records import TENSORS, Records, read_records, write_records
from lineup.errors import LineupError


def some_records() -> Records:
    images = torch.arange(2 * 3 * 3 * 3, dtype=torch.uint8).reshape(2, 3, 3, 3)
    return Records(images, torch.tensor([1, 0]), images[:1] + 1, torch.tensor([1]), ("ant", "bee"))


def test_records_come_back_as_written(tmp_path: Path) -> None:
    write_records(some_records(), tmp_path / "raw" / "set")
    back = read_records(tmp_path / "raw" / "set")
    assert back.classes == ("ant", "bee")
    assert all(torch.equal(getattr(back, name), getattr(some_records(), name)) for name in TENSORS)


def test_the_same_records_give_the_same_bytes_whatever_their_strides(tmp_path: Path) -> None:
    records = some_records()
    strided = records.train_images.transpose(1, 2).contiguous().transpose(1, 2)
    again = Records(strided, records.train_labels, records.test_images, records.test_labels, records.classes)
    write_records(records, tmp_path / "one")
    write_records(again, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LineupError, match=r"gone: not readable .* expected a downloaded dataset"):
        read_records(tmp_path / "gone")


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    save_file({"images": torch.zeros(1)}, tmp_path / "other")
    for name in ("text", "other"):
        with pytest.raises(LineupError, match=f"{name}: not readable"):
            read_records(tmp_path / name)
