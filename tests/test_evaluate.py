"""The evaluate stage on a made-up classifier."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from scored import (
    CLASSES,
    evaluate,
    evaluate_here,
    list_results,
    make_dataset,
    make_evaluated,
    make_project,
)

from lineup.errors import LineupError
from lineup.evaluation.evaluators.classification.calibration import fit_temperature, measure_error
from lineup.evaluation.evaluators.classification.pictures import choose_examples, rank_confusions
from lineup.evaluation.evaluators.classification.suspects import find_suspects
from lineup.evaluation.outcomes import read_outcomes
from lineup.evaluation.predictions import digest_ids, read_predictions
from lineup.evaluation.scoring import choose_samples
from lineup.models.record import write_record
from lineup.statistics.intervals import seeds_interval

RUN = "small"
RESULTS = list_results(RUN)
METRICS, DETAIL, CONFUSION, PREDICTIONS, OUTCOMES = RESULTS
PICTURE = "plots/pictures/small/predictions.png"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_evaluated(tmp_path_factory, RUN)


def test_figures_are_means_over_seeds_of_the_kept_predictions(project: Path) -> None:
    metrics = json.loads((project / DETAIL).read_text())["mean"]
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


def test_dvc_shows_a_few_of_them(project: Path) -> None:
    shown, mean = (
        json.loads((project / METRICS).read_text()),
        json.loads((project / DETAIL).read_text())["mean"],
    )
    assert shown == {name: mean[name] for name in ("val_accuracy", "test_accuracy", "test_loss", "macro_f1")}


def test_detail_has_every_seed_and_its_deviation(project: Path) -> None:
    detail = json.loads((project / DETAIL).read_text())
    accuracies = [detail["seeds"][seed]["test_accuracy"] for seed in ("0", "3")]
    assert detail["sd"]["test_accuracy"] == pytest.approx(np.std(accuracies, ddof=1), abs=2e-6)
    assert detail["images"] == {"val": 12, "test": 24}
    assert [row["support"] for row in detail["per_class"].values()] == [8, 8, 8]


def test_several_seeds_have_an_interval(project: Path) -> None:
    detail = json.loads((project / DETAIL).read_text())
    metrics = detail["mean"]
    accuracies = [detail["seeds"][seed]["test_accuracy"] for seed in ("0", "3")]
    low, high = seeds_interval(accuracies)
    assert (metrics["test_seeds_low"], metrics["test_seeds_high"]) == pytest.approx((low, high), abs=2e-5)
    assert detail["interval"]["test_accuracy"] == [metrics["test_seeds_low"], metrics["test_seeds_high"]]
    assert (metrics["val_sd"], metrics["test_sd"]) == (
        detail["sd"]["val_accuracy"],
        detail["sd"]["test_accuracy"],
    )


def test_a_single_seed_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(replace(make_project(tmp_path, RUN), seeds=(3,)), tmp_path / "models/small")
    evaluate_here(tmp_path, RUN, monkeypatch)
    detail = json.loads((tmp_path / DETAIL).read_text())
    assert not {"val_sd", "test_sd", "test_seeds_low"} & set(detail["mean"])
    assert set(detail["interval"].values()) == {None}


def test_outcomes_are_the_right_answers_of_every_seed(project: Path) -> None:
    outcomes, test = read_outcomes(project / OUTCOMES), read_predictions(project / PREDICTIONS).splits["test"]
    assert (outcomes.seeds, outcomes.ids) == ((0, 3), digest_ids(test.ids))
    right = test.probabilities.argmax(2) == test.labels
    assert outcomes.values.tolist() == right.double().tolist()


def test_calibration_is_of_the_kept_predictions(project: Path) -> None:
    metrics = json.loads((project / DETAIL).read_text())["mean"]
    kept = read_predictions(project / PREDICTIONS)
    val, test = kept.splits["val"], kept.splits["test"]
    errors = [measure_error(seed, test.labels) for seed in test.probabilities]
    temperatures = [fit_temperature(seed.log(), val.labels) for seed in val.probabilities]
    assert metrics["test_ece"] == pytest.approx(np.mean(errors), abs=1e-5)
    assert metrics["temperature"] == pytest.approx(np.mean(temperatures), rel=1e-3)


def test_confusion_counts_all_seeds_in_class_order(project: Path) -> None:
    lines = (project / CONFUSION).read_text().splitlines()
    assert lines[0] == "actual,predicted,count"
    assert [line.split(",")[:2] for line in lines[1:4]] == [["red", name] for name in CLASSES]
    assert sum(int(line.split(",")[2]) for line in lines[1:]) == 2 * 24


def test_picture_is_a_picture(project: Path) -> None:
    with Image.open(project / PICTURE) as picture:
        picture.load()
        assert min(picture.size) > 500
        assert np.asarray(picture.convert("L")).std() > 10


def test_only_convolutions_have_filters_to_draw(project: Path) -> None:
    assert [path.name for path in sorted((project / PICTURE).parent.iterdir())] == [
        "confusions.png",
        "predictions.png",
        "reliability.png",
        "suspects.png",
    ]


def test_latency_is_positive_and_says_where(project: Path) -> None:
    latency = json.loads((project / "metrics/latency/small.json").read_text())
    assert latency["latency_ms"] > 0
    assert latency["batch_size"] == 24
    assert latency["environment"]["threads"] == 1


def test_a_second_evaluation_gives_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*RESULTS, PICTURE)
    before = {name: (project / name).read_bytes() for name in names}
    evaluate_here(project, RUN, monkeypatch)
    assert {name: (project / name).read_bytes() for name in names} == before


def test_tta_applies(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, RUN)
    evaluate_here(tmp_path, RUN, monkeypatch, tta="flip")
    assert (tmp_path / PREDICTIONS).read_bytes() != (project / PREDICTIONS).read_bytes()


def test_weights_with_nan_are_refused_in_one_line(tmp_path: Path) -> None:
    make_project(tmp_path, RUN)
    path = tmp_path / "models/small/seed-3.safetensors"
    weights = load_file(path)
    next(iter(weights.values())).view(-1)[0] = math.nan
    save_file(weights, path)
    done = evaluate(tmp_path, RUN)
    assert done.returncode == 1
    assert done.stderr.startswith("error: models/small/seed-3.safetensors: 1 of ")
    assert "NaN" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "metrics").exists()


def test_a_seed_that_gives_one_answer_is_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, RUN)
    path = tmp_path / "models/small/seed-3.safetensors"
    weights = load_file(path)
    bias = next(values for values in weights.values() if values.shape == (len(CLASSES),))
    bias[2] = 1e6
    save_file(weights, path)
    evaluate_here(tmp_path, RUN, monkeypatch)
    alarms = json.loads((tmp_path / DETAIL).read_text())["alarms"]
    assert alarms["3"] == "100.0% of the answers are class 2"


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_weights_that_do_not_fit_are_refused(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path, RUN)
    path = tmp_path / "models/small/seed-0.safetensors"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        save_file({"other": torch.zeros(1)}, path)
    with pytest.raises(LineupError, match=r"seed-0\.safetensors: not loadable .*train@small") as error:
        evaluate_here(tmp_path, RUN, monkeypatch)
    assert "\n" not in str(error.value)


def test_samples_hold_every_class_and_never_mix_splits() -> None:
    learn, test = make_dataset(60, True), make_dataset(24, False)
    samples = choose_samples(learn, test)
    assert {name: len(sample.ids) for name, sample in samples.items()} == {"train": 12, "val": 12, "test": 24}
    assert sorted(samples["train"].labels.bincount().tolist()) == [4, 4, 4]
    held = set(learn.ids[learn.held_out].tolist())
    assert set(samples["val"].ids.tolist()) == held
    assert not held & set(samples["train"].ids.tolist())


def test_examples_are_spread_right_ones_and_the_surest_wrong_ones() -> None:
    right = torch.tensor([True, False, True, False, True, True, False])
    confidence = torch.tensor([0.9, 0.4, 0.8, 0.7, 0.6, 0.5, 0.7])
    assert choose_examples(right, confidence, 2) == ([0, 5], [3, 6])
    assert choose_examples(torch.zeros(2, dtype=torch.bool), confidence[:2], 3) == ([], [0, 1])


def test_confusions_are_ranked_and_right_answers_left_out() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    answers = torch.tensor([0, 1, 1, 1, 0, 2, 2])
    assert rank_confusions(labels, answers, 3) == [(0, 1, 2), (1, 0, 1)]
    assert rank_confusions(labels, labels, 3) == []


def test_a_label_is_suspect_where_the_image_looks_like_another_class() -> None:
    # Mean probability of the own label: class 0: (0.9 + 0.8 + 0.1) / 3 = 0.6, class 1: (0.7 + 0.5) / 3 = 0.4.
    probabilities = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.5, 0.5], [1.0, 0.0]])
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    assert find_suspects(probabilities, labels) == [5, 2]
    assert find_suspects(probabilities[:2], labels[:2]) == []


def test_an_image_that_is_unlike_every_class_is_no_suspect() -> None:
    # Wrong by its answer, but less sure than images of that class usually are.
    probabilities = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.55, 0.45], [0.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 1])
    assert find_suspects(probabilities, labels) == []
