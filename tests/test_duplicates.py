import json
import runpy
from pathlib import Path

import pytest
import torch
from parameters import resolve
from pipeline import ROOT, TINY
from ruamel.yaml import YAML
from torch import Tensor

from lineup.data.prepare import identify
from lineup.data.raw import RawDataset, write_raw
from lineup.duplicates import find_duplicates
from lineup.evaluation.predictions import digest_ids


def photograph(count: int, side: int) -> Tensor:
    """Images that are smooth, as photographs are: uint8 [count, side, side, 3]."""
    rough = 255 * torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(rough, size=(side, side), mode="bicubic")
    return smooth.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def make_records(train: Tensor, test: Tensor) -> RawDataset:
    labels = torch.arange(len(train)) % 2
    return RawDataset(train, labels, test, labels[: len(test)].clone(), ("a", "b"))


@pytest.fixture
def records() -> RawDataset:
    images = photograph(40, 32)
    train, test = images[:30], images[30:].clone()
    test[1] = train[4]
    test[3] = train[5].flip(1)
    test[4] = (train[6].float() * 0.6 + 40 + 4 * torch.randn(train[6].shape)).clamp(0, 255).to(torch.uint8)
    return make_records(train, test)


def test_the_same_images_and_those_close_to_one_are_found(records: RawDataset) -> None:
    found = find_duplicates(records)
    assert found.exact.tolist() == [1]
    # One mirrored, one darker, flatter and noisy.
    assert found.near is not None
    assert found.near.tolist() == [3, 4]


def test_near_is_not_asked_of_images_that_are_all_alike() -> None:
    images = photograph(20, 8)
    test = images[:4].clone()
    test[1:] //= 2
    found = find_duplicates(make_records(images, test))
    assert (found.exact.tolist(), found.near) == ([0], None)


def test_images_of_one_colour_resemble_nothing() -> None:
    flat = torch.full((3, 32, 32, 3), 9, dtype=torch.uint8)
    found = find_duplicates(make_records(flat, flat + 1))
    assert found.near is not None
    assert found.exact.tolist() == found.near.tolist() == []


def test_stage_names_the_images_it_is_about(
    records: RawDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_raw(records, Path("data/raw/photos.safetensors"))
    data = YAML(typ="safe").load(TINY)
    data["datasets"]["photos"] = {"source": "folder", "needs": "images", "size": 32}
    Path("params.yaml").write_text(json.dumps(data))
    resolve(tmp_path, "duplicates/photos")
    runpy.run_path(str(ROOT / "stages/duplicates.py"))["main"]("photos")
    assert json.loads(Path("metrics/duplicates/photos.json").read_text()) == {
        "images": 10,
        "ids": digest_ids(identify(records.test_images)),
        "exact": [1],
        "near": [3, 4],
    }
