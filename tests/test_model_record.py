"""The records of trained models: what is written is read again, and what is no record is refused."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from lineup.errors import LineupError
from lineup.models import build_model
from lineup.models.record import (
    ModelRecord,
    SeedRecord,
    name_seed,
    name_weights,
    read_record,
    read_seed,
    rebuild,
    write_record,
    write_seed,
)

MODEL = ModelRecord(
    task="classification",
    family="cnn",
    spec={
        "padding": "same",
        "batch_norm": "all",
        "activation": "elu",
        "dropout": 0.1,
        "layers": ["conv 4", "gap"],
    },
    classes=("a", "b", "ü"),
    channels=1,
    size=8,
    mean=(1 / 3,),
    std=(60.0,),
    precision="bf16",
    channels_last=False,
    threads=2,
    seeds=(0, 7),
)
ROWS: list[dict[str, float | str]] = [{"phase": "head", "epoch": 1, "lr": 1e-4, "val_loss": 0.1 + 0.2}]
SEED = SeedRecord("12ab", "34cd", ROWS, {"head": 27, "whole": 1571})


def test_the_record_of_models_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_record(MODEL, tmp_path / "net")
    assert read_record(tmp_path / "net") == MODEL
    # Programs of other people read it as well.
    stored = json.loads((tmp_path / "net/model.json").read_text())
    assert list(stored) == [field.name for field in fields(ModelRecord)]
    assert (stored["classes"], stored["mean"], stored["seeds"]) == (["a", "b", "ü"], [1 / 3], [0, 7])


def test_the_record_of_a_seed_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_seed(SEED, tmp_path, 7)
    assert read_seed(tmp_path, 7) == SEED
    assert name_seed(tmp_path, 7) == tmp_path / "seed-7.json"
    assert name_weights(tmp_path, 7) == tmp_path / "seed-7.safetensors"


@pytest.mark.parametrize("damage", ["missing", "cut", "other bytes"])
def test_a_damaged_record_is_refused_with_the_command_that_makes_it_anew(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "net"
    write_record(MODEL, folder)
    write_seed(SEED, folder, 0)
    for path in (folder / "model.json", folder / "seed-0.json"):
        content = path.read_bytes()
        path.unlink()
        if damage != "missing":
            path.write_bytes(content[:-9] if damage == "cut" else b"\xff\xfe" + content)
    for read in (lambda: read_record(folder), lambda: read_seed(folder, 0)):
        with pytest.raises(
            LineupError, match=r"\.json: not readable .*fix: run `dvc repro train@net`"
        ) as error:
            read()
        assert "\n" not in str(error.value)


def test_a_record_rebuilds_its_model() -> None:
    torch.manual_seed(0)
    model = rebuild(MODEL)
    torch.manual_seed(0)
    same = build_model("cnn", MODEL.spec, outputs=3, channels=1, size=8, mean=MODEL.mean, std=MODEL.std)
    weights, others = model.state_dict(), same.state_dict()
    assert all(torch.equal(weight, others[name]) for name, weight in weights.items())
    images = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    assert model(images).shape == (2, 3)
    torch.testing.assert_close(model.normalize(images), (images - 1 / 3) / 60)


def test_a_model_of_more_classes_has_more_outputs() -> None:
    wider = rebuild(replace(MODEL, classes=tuple("abcde")))
    assert wider(torch.zeros(2, 1, 8, 8)).shape == (2, 5)
