"""Training the seeds of a run: what is trained, what is kept, and what is left behind."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from recipes import make_augmentation, make_recipe
from safetensors.torch import load_file, save_file
from test_fit import make_dataset

from lineup import runtime
from lineup.data.dataset import write_dataset
from lineup.errors import LineupError
from lineup.models import count_parameters
from lineup.models.record import name_weights, read_record, read_seed, rebuild
from lineup.settings.run import Model, Run
from lineup.training.checkpoint import only_trainer
from lineup.training.seeds import STATE, Inputs, Outputs, train_run

SPEC = {
    "padding": "same",
    "batch_norm": "all",
    "activation": "relu",
    "dropout": 0.3,
    "layers": ["conv 4", "gap"],
}
RUN = Run(
    name="net",
    task="classification",
    view="digits",
    weights="random",
    pretrained=False,
    model=Model("cnn", SPEC),
    augmentation=make_augmentation(flip="random"),
    recipe=make_recipe(epochs=2, precision="fp32", checkpoint="last"),
    seeds=(0, 3),
    tta="none",
    device="cpu",
    channels_last=True,
)
INPUTS = Inputs(Path("learn.safetensors"), Path("w.safetensors"))
OUTPUTS = Outputs(Path("models/net"), Path("curves/net.csv"), Path("training/net.json"))
MODELS = OUTPUTS.models


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with images and without weights; how this process computes is left alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "start", lambda threads: None)
    monkeypatch.setattr(torch, "set_flush_denormal", lambda on: True)
    write_dataset(make_dataset(), INPUTS.images)
    save_file({}, INPUTS.weights)


def train(run: Run, identity: str = "one") -> dict[int, bytes]:
    """The weights of each seed after a training."""
    train_run(run, identity, INPUTS, OUTPUTS)
    return {seed: name_weights(MODELS, seed).read_bytes() for seed in run.seeds}


def read_curves() -> list[dict[str, str]]:
    with OUTPUTS.curves.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_models_that_its_record_rebuilds() -> None:
    train(RUN)
    record = read_record(MODELS)
    assert (record.task, record.family, record.spec, record.seeds) == ("classification", "cnn", SPEC, (0, 3))
    assert (record.classes, record.channels, record.size) == (tuple("abcd"), 3, 8)
    assert (record.mean, record.std) == ((100.0,) * 3, (60.0,) * 3)
    assert (record.precision, record.channels_last, record.threads) == ("fp32", True, 1)
    for seed in RUN.seeds:
        model = rebuild(record)
        model.load_state_dict(load_file(name_weights(MODELS, seed)))
        assert read_seed(MODELS, seed).trainable == {"": count_parameters(model)[1]}


def test_curves_and_the_record_have_every_seed() -> None:
    train(RUN)
    rows = read_curves()
    assert [(row["seed"], row["epoch"]) for row in rows] == [("0", "1"), ("0", "2"), ("3", "1"), ("3", "2")]
    seed = read_seed(MODELS, 3)
    assert [float(row["val_loss"]) for row in rows[2:]] == [row["val_loss"] for row in seed.rows]
    facts = json.loads(OUTPUTS.record.read_text())
    assert (facts["run"], facts["train_images"], facts["epochs"]) == ("net", 64, 2)
    assert list(facts["seeds"]) == ["0", "3"]
    assert facts["seeds"]["3"]["best_epoch"] == 2


def test_what_is_there_is_kept_and_only_what_is_new_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    before, curves = train(RUN), read_curves()
    capsys.readouterr()
    after = train(replace(RUN, seeds=(3, 0, 5)))
    said = capsys.readouterr().out
    assert {seed: after[seed] for seed in before} == before
    assert "net seed 0: kept" in said
    assert "net seed 3: kept" in said
    assert "net seed 5: kept" not in said
    assert sorted(map(str, read_curves()[:4])) == sorted(map(str, curves))
    assert read_record(MODELS).seeds == (3, 0, 5)


def test_seeds_that_are_not_declared_any_more_go() -> None:
    train(RUN)
    train(replace(RUN, seeds=(3,)))
    names = sorted(path.name for path in MODELS.iterdir())
    assert names == ["model.json", "seed-3.json", "seed-3.safetensors"]
    assert {row["seed"] for row in read_curves()} == {"3"}


@pytest.mark.parametrize("change", ["identity", "images", "initial weights", "its weights", "its record"])
def test_a_seed_of_another_training_is_trained_anew(change: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = replace(RUN, seeds=(0,))
    before = train(run)
    match change:
        case "images":
            write_dataset(make_dataset(100), INPUTS.images)
        case "initial weights":
            save_file({"net.0.weight": torch.zeros(1)}, INPUTS.weights)
        case "its weights":
            name_weights(MODELS, 0).write_bytes(b"other" + before[0])
        case "its record":
            OUTPUTS.record.unlink()
    capsys.readouterr()
    after = train(run, "other" if change == "identity" else "one")
    assert "kept" not in capsys.readouterr().out
    assert (after == before) is (change != "images")


def test_two_processes_do_not_train_one_run() -> None:
    with only_trainer(STATE / "locks/net.lock"), pytest.raises(LineupError, match="another process trains"):
        train(RUN)


def test_a_training_that_learns_nothing_sounds_the_alarm(capsys: pytest.CaptureFixture[str]) -> None:
    rate = make_recipe(epochs=2, precision="fp32", checkpoint="last", lr=1e-12)
    train(replace(RUN, recipe=rate, seeds=(0,)))
    assert "ALARM: net seed 0: " in capsys.readouterr().out
