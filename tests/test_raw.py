from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from lineup.data.raw import TENSORS, RawDataset, read_raw, write_raw
from lineup.errors import LineupError


def some_records() -> RawDataset:
    images = torch.arange(2 * 3 * 3 * 3, dtype=torch.uint8).reshape(2, 3, 3, 3)
    return RawDataset(images, torch.tensor([1, 0]), images[:1] + 1, torch.tensor([1]), ("ant", "bee"))


def test_records_come_back_as_written(tmp_path: Path) -> None:
    write_raw(some_records(), tmp_path / "raw" / "set")
    back = read_raw(tmp_path / "raw" / "set")
    assert back.classes == ("ant", "bee")
    assert all(torch.equal(getattr(back, name), getattr(some_records(), name)) for name in TENSORS)


def test_the_same_records_give_the_same_bytes_whatever_their_strides(tmp_path: Path) -> None:
    records = some_records()
    strided = records.train_images.transpose(1, 2).contiguous().transpose(1, 2)
    again = RawDataset(
        strided, records.train_labels, records.test_images, records.test_labels, records.classes
    )
    write_raw(records, tmp_path / "one")
    write_raw(again, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LineupError, match=r"gone: not readable .* expected a downloaded dataset"):
        read_raw(tmp_path / "gone")


def test_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    save_file({"images": torch.zeros(1)}, tmp_path / "other")
    for name in ("text", "other"):
        with pytest.raises(LineupError, match=f"{name}: not readable"):
            read_raw(tmp_path / name)


FLOATS = torch.rand(2, 3, 3, 3)
FAULTS = [
    ({"train_images": FLOATS}, r"train_images torch\.float32 \[2, 3, 3, 3\]; expected torch\.uint8 \[n, "),
    ({"train_images": FLOATS.byte().permute(0, 3, 1, 2)[..., :2]}, r"train_images torch\.uint8 .*, 2\]"),
    ({"train_images": FLOATS.byte()[..., 0]}, r"train_images torch\.uint8 \[2, 3, 3\]"),
    ({"test_images": FLOATS.byte()[:0], "test_labels": torch.arange(0)}, r"test_images torch\.uint8 \[0, 3"),
    ({"test_images": FLOATS.byte()[:1, :2]}, r"test_images \[1, 2, 3, 3\]; expected those of train, \[3, 3"),
    ({"train_labels": torch.tensor([1, 2])}, r"train_labels from 1 to 2; expected 0 to 1"),
    ({"train_labels": torch.tensor([1, 0], dtype=torch.int32)}, r"train_labels torch\.int32 \[2\]; expected"),
    ({"test_labels": torch.tensor([1, 0])}, r"test_labels torch\.int64 \[2\]; expected torch\.int64 \[1\]"),
    ({"train_labels": torch.tensor([1, 1])}, r"no image of ant in train"),
    ({"classes": ("ant",)}, r"classes \['ant'\]; expected two classes or more"),
    ({"classes": ("ant", "ant")}, r"classes \['ant', 'ant'\]; expected"),
]


@pytest.mark.parametrize(("wrong", "message"), FAULTS)
def test_what_a_source_got_wrong_is_refused(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(LineupError, match=f"raw: {message}.*; fix: mend the source of this dataset"):
        write_raw(replace(some_records(), **wrong), tmp_path / "raw")
    assert not (tmp_path / "raw").exists()
