import json
import math
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from lineup.data.pack import Pack, write_pack
from lineup.errors import LineupError
from lineup.evaluation.pictures import choose_examples
from lineup.evaluation.predictions import read_predictions
from lineup.evaluation.scoring import choose_samples
from lineup.models import rebuild

STAGE = Path(__file__).parents[1] / "stages" / "evaluate.py"
CLASSES = ["red", "green", "blue"]
PARAMS = """\
runtime: {device: cpu, channels_last: true}
datasets: {made_up: {source: digits}}
views: {tiny: {dataset: made_up, color: rgb, size: 8, validation: 0.2, split_seed: 0, normalize: unit}}
weights: {random: {source: none}}
models: {mlp: {small: {layers: [8], dropout: 0.0}}}
augments:
  none: {flip: false, crop: 0, rotate: 0.0, shift: [0.0, 0.0], fill: zeros, cutout: 0,
    jitter: [0.0, 0.0, 0.0, 0.0]}
recipes:
  short: {epochs: 1, batch_size: 8, optimizer: sgd, lr: 0.1, momentum: 0.0, weight_decay: 0.0,
    schedule: {name: constant}, smoothing: 0.0, ema: 0.0, patience: 0, keep: last, precision: fp32,
    threads: 1, trainable: all, phases: {}}
runs:
  small: {row: null, view: tiny, weights: random, task: classification, family: mlp, model: small,
    augment: none, recipe: short, seeds: [0, 3], tta: none}
waiting: {}
"""
RESULTS = ("metrics/runs/small.json", "metrics/detail/small.json", "plots/confusion/small.csv")
PICTURE, PREDICTIONS = "plots/predictions/small.png", "data/predictions/small.safetensors"


def make_pack(count: int, held_out: bool) -> Pack:
    """Noisy red, green and blue images in the order of their labels; one in five is held out."""
    generator = torch.Generator().manual_seed(count)
    labels = torch.arange(count) * 3 // count
    images = torch.randint(0, 160, (count, 8, 8, 3), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), :, :, labels] += 60
    zeros, ones = (0.0,) * 3, (255.0,) * 3
    held = (torch.arange(count) % 5 == 0) & held_out
    return Pack(
        images, labels, torch.arange(count) + 7 * count, held, tuple(CLASSES), zeros, ones, zeros, ones
    )


def make_project(folder: Path) -> dict[str, Any]:
    """A folder as train leaves it, with two seeds of untrained weights."""
    (folder / "params.yaml").write_text(PARAMS)
    write_pack(make_pack(60, True), folder / "data/views/tiny/learn.safetensors")
    write_pack(make_pack(24, False), folder / "data/views/tiny/test.safetensors")
    facts = {"family": "mlp", "spec": {"layers": [8], "dropout": 0.0}, "classes": CLASSES, "channels": 3}
    facts |= {"size": 8, "mean": [0.0] * 3, "std": [255.0] * 3, "task": "classification", "precision": "fp32"}
    facts |= {"channels_last": True, "threads": 1, "seeds": [0, 3]}
    models = folder / "models/small"
    models.mkdir(parents=True)
    (models / "model.json").write_text(json.dumps(facts))
    for seed in (0, 3):
        torch.manual_seed(seed)
        save_file(rebuild(facts).state_dict(), models / f"seed-{seed}.safetensors")
        (models / f"seed-{seed}.json").write_text(json.dumps({"trainable": {"whole": 1571, "head": 27}}))
    return facts


def evaluate(folder: Path) -> subprocess.CompletedProcess[str]:
    """The stage as DVC runs it, a process of its own."""
    command = [sys.executable, str(STAGE), "small"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def evaluate_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage in this process, whose threads and settings it leaves alone."""
    monkeypatch.chdir(folder)
    main = runpy.run_path(str(STAGE))["main"]
    monkeypatch.setitem(main.__globals__, "start", lambda threads: None)
    main("small")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    make_project(folder)
    done = evaluate(folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_figures_are_means_over_seeds_of_the_kept_predictions(project: Path) -> None:
    metrics = json.loads((project / RESULTS[0]).read_text())
    kept = read_predictions(project / PREDICTIONS)
    assert kept.seeds == (0, 3)
    for split, answers in kept.splits.items():
        right = (answers.probabilities.argmax(2) == answers.labels).double().mean().item()
        chosen = answers.probabilities[:, torch.arange(len(answers.labels)), answers.labels]
        assert metrics[f"{split}_accuracy"] == pytest.approx(right, abs=1e-6)
        assert metrics[f"{split}_loss"] == pytest.approx(-chosen.log().mean().item(), abs=1e-4)
    assert metrics["test_low"] < metrics["test_accuracy"] < metrics["test_high"]
    assert metrics["gap"] == pytest.approx(metrics["train_accuracy"] - metrics["val_accuracy"], abs=2e-6)
    assert metrics["macs"] == 8 * 8 * 3 * 8 + 8 * 3
    assert metrics["parameters"] == 8 * 8 * 3 * 8 + 8 + 8 * 3 + 3
    assert metrics["trainable_parameters"] == 27


def test_detail_has_every_seed_and_its_deviation(project: Path) -> None:
    detail = json.loads((project / RESULTS[1]).read_text())
    accuracies = [detail["seeds"][seed]["test_accuracy"] for seed in ("0", "3")]
    assert detail["sd"]["test_accuracy"] == pytest.approx(np.std(accuracies, ddof=1), abs=2e-6)
    assert detail["images"] == {"val": 12, "test": 24}
    assert [row["support"] for row in detail["per_class"].values()] == [8, 8, 8]


def test_confusion_counts_all_seeds_in_class_order(project: Path) -> None:
    lines = (project / RESULTS[2]).read_text().splitlines()
    assert lines[0] == "actual,predicted,count"
    assert [line.split(",")[:2] for line in lines[1:4]] == [["red", name] for name in CLASSES]
    assert sum(int(line.split(",")[2]) for line in lines[1:]) == 2 * 24


def test_picture_is_a_picture(project: Path) -> None:
    with Image.open(project / PICTURE) as picture:
        picture.load()
        assert min(picture.size) > 500
        assert np.asarray(picture.convert("L")).std() > 10


def test_latency_is_positive_and_says_where(project: Path) -> None:
    latency = json.loads((project / "metrics/latency/small.json").read_text())
    assert latency["latency_ms"] > 0
    assert latency["batch_size"] == 24
    assert latency["environment"]["threads"] == 1


def test_a_second_evaluation_gives_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*RESULTS, PICTURE, PREDICTIONS)
    before = {name: (project / name).read_bytes() for name in names}
    evaluate_here(project, monkeypatch)
    assert {name: (project / name).read_bytes() for name in names} == before


def test_tta_applies(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS.replace("tta: none", "tta: flip"))
    evaluate_here(tmp_path, monkeypatch)
    assert (tmp_path / PREDICTIONS).read_bytes() != (project / PREDICTIONS).read_bytes()


def test_weights_with_nan_are_refused_in_one_line(tmp_path: Path) -> None:
    make_project(tmp_path)
    path = tmp_path / "models/small/seed-3.safetensors"
    weights = load_file(path)
    next(iter(weights.values())).view(-1)[0] = math.nan
    save_file(weights, path)
    done = evaluate(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: models/small/seed-3.safetensors: 1 of ")
    assert "NaN" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "metrics").exists()


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_weights_that_do_not_fit_are_refused(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path)
    path = tmp_path / "models/small/seed-0.safetensors"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        save_file({"other": torch.zeros(1)}, path)
    with pytest.raises(LineupError, match=r"seed-0\.safetensors: not loadable .*train@small") as error:
        evaluate_here(tmp_path, monkeypatch)
    assert "\n" not in str(error.value)


def test_samples_hold_every_class_and_never_mix_splits() -> None:
    learn, test = make_pack(60, True), make_pack(24, False)
    samples = choose_samples(learn, test)
    assert {name: len(sample.ids) for name, sample in samples.items()} == {"train": 12, "val": 12, "test": 24}
    assert sorted(samples["train"].labels.bincount().tolist()) == [4, 4, 4]
    held = set(learn.ids[learn.held_out].tolist())
    assert set(samples["val"].ids.tolist()) == held
    assert not held & set(samples["train"].ids.tolist())


def test_examples_are_spread_right_ones_and_the_surest_wrong_ones() -> None:
    right = torch.tensor([True, False, True, False, True, True, False])
    confidence = torch.tensor([0.9, 0.4, 0.8, 0.7, 0.6, 0.5, 0.7])
    assert choose_examples(right, confidence, 2) == ([0, 4], [3, 6])
    assert choose_examples(torch.zeros(2, dtype=torch.bool), confidence[:2], 3) == ([], [0, 1])
