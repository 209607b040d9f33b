"""The evaluate stage on a made-up autoencoder."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from scored import SEEDS, evaluate_here, list_results, make_dataset, make_evaluated

from lineup.errors import LineupError
from lineup.evaluation.evaluators.reconstruction import MEASURES, measure_images
from lineup.evaluation.outcomes import read_outcomes
from lineup.evaluation.predictions import read_predictions
from lineup.inference import to_batch
from lineup.models import PixelModel
from lineup.models.record import read_record, rebuild
from lineup.tasks import reconstruction

RUN = "coder"
RESULTS = list_results(RUN)
METRICS, DETAIL, CONFUSION, PREDICTIONS, OUTCOMES = RESULTS
PICTURES = ("filters.png", "latent.png", "reconstructions.png")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_evaluated(tmp_path_factory, RUN)


def load_model(project: Path, seed: int) -> PixelModel:
    model = rebuild(read_record(project / "models" / RUN))
    model.load_state_dict(load_file(project / "models" / RUN / f"seed-{seed}.safetensors"))
    return model.eval()


def test_figures_are_those_that_training_would_give(project: Path) -> None:
    metrics = json.loads((project / DETAIL).read_text())["mean"]
    images = to_batch(make_dataset(24, False).images, channels_last=True)
    with torch.inference_mode():
        sums = [
            reconstruction.score(load_model(project, seed)(images), images, torch.zeros(24)) for seed in SEEDS
        ]
    error, psnr = (torch.stack(sums).mean(0) / 24).tolist()
    assert metrics["test_mse"] == pytest.approx(error, rel=1e-5)
    assert metrics["test_psnr"] == pytest.approx(psnr, rel=1e-5)
    assert metrics["gap"] == pytest.approx(metrics["val_mse"] - metrics["train_mse"], abs=2e-8)
    assert metrics["parameters"] == 28 * 6 + 55 * 4 + 37 * 5 + 46 * 6 + 55 * 3
    assert metrics["trainable_parameters"] == 27
    assert metrics["macs"] == 9 * (64 * 18 + 16 * 24 + 16 * 20 + 16 * 30 + 64 * 18)


def test_dvc_shows_a_few_of_them(project: Path) -> None:
    shown = json.loads((project / METRICS).read_text())
    assert tuple(shown) == ("val_mse", "test_mse", "test_psnr", "test_ssim")


def test_detail_has_every_seed(project: Path) -> None:
    detail = json.loads((project / DETAIL).read_text())
    metrics = detail["mean"]
    errors = [detail["seeds"][str(seed)]["test_mse"] for seed in SEEDS]
    assert detail["sd"]["test_mse"] == pytest.approx(np.std(errors, ddof=1), abs=2e-8)
    assert metrics["test_mse"] == pytest.approx(np.mean(errors), abs=2e-8)
    assert detail["images"] == {"val": 12, "test": 24}


def test_kept_are_the_errors_of_images_and_the_answers_of_the_probe(project: Path) -> None:
    metrics = json.loads((project / DETAIL).read_text())["mean"]
    kept = load_file(project / PREDICTIONS)
    answers = read_predictions(project / PREDICTIONS).splits
    for split, count in (("val", 12), ("test", 24)):
        assert kept[f"{split}.mse"].shape == (2, count)
        assert kept[f"{split}.mse"].mean().item() == pytest.approx(metrics[f"{split}_mse"], rel=1e-5)
        right = (answers[split].probabilities.argmax(2) == answers[split].labels).double().mean().item()
        assert right == pytest.approx(metrics[f"probe_{split}_accuracy"], abs=1e-8)
    assert read_outcomes(project / OUTCOMES).values.tolist() == kept["test.mse"].double().tolist()
    # The classes differ in colour, which even an untrained encoder lets through.
    assert metrics["probe_test_accuracy"] > 0.8
    assert sum(int(line.split(",")[2]) for line in (project / CONFUSION).read_text().splitlines()[1:]) == 48


def test_pictures_are_pictures(project: Path) -> None:
    folder = project / "plots/pictures" / RUN
    assert sorted(path.name for path in folder.iterdir()) == sorted(PICTURES)
    for name in PICTURES:
        with Image.open(folder / name) as picture:
            picture.load()
            assert np.asarray(picture.convert("L")).std() > 10


def test_a_second_evaluation_gives_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*RESULTS, *(f"plots/pictures/{RUN}/{name}" for name in PICTURES))
    before = {name: (project / name).read_bytes() for name in names}
    evaluate_here(project, RUN, monkeypatch)
    assert {name: (project / name).read_bytes() for name in names} == before


def give_back(outputs: torch.Tensor) -> torch.Tensor:
    """Measure what stands for the outputs of a model against images that are all mid-gray."""
    images = torch.full((len(outputs), 16, 16, 3), 51, dtype=torch.uint8)
    return measure_images(lambda model, chunk: outputs, None, images, tuple(MEASURES), "x")  # type: ignore[arg-type]


def test_a_perfect_image_has_no_error_and_full_similarity() -> None:
    outputs = torch.full((2, 3, 16, 16), 0.2)
    outputs[1] += 0.1
    perfect, lighter = give_back(outputs).tolist()
    assert perfect == pytest.approx([0, 100, 1])
    # Two flat images differ in brightness only: (2 x y + c) / (x^2 + y^2 + c), c = 0.01^2.
    assert lighter == pytest.approx([0.01, 20, (0.12 + 1e-4) / (0.13 + 1e-4)], rel=1e-4)


def test_an_output_that_is_not_finite_is_refused() -> None:
    outputs = torch.zeros(1, 3, 16, 16)
    outputs[0, 0, 0, 0] = torch.nan
    with pytest.raises(LineupError, match="x: 1 of 768 values of outputs are NaN or infinite"):
        give_back(outputs)
