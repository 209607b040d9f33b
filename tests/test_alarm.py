"""The alarm, and report D's failure: a frozen base that gets images normalised in another way."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from made_up import compare, make_project, put
from recipes import make_augmentation, make_recipe
from safetensors.torch import save_file
from test_fit import RECIPE, make_dataset

from lineup.alarm import bound_chance, find_in_answers, find_in_curve
from lineup.errors import LineupError
from lineup.models import PixelModel, build_model
from lineup.tasks import classification
from lineup.training.checkpoint import Checkpoint
from lineup.training.fit import Fitted, Trainer
from lineup.training.initial import load
from lineup.training.seeds import Result, SeedTraining

RIGHT = {"mean": (127.5,) * 3, "std": (127.5,) * 3}
# Scaled to [0, 1] and then again, as if to [-1, 1]: all pixels end near -1.
WRONG = {"mean": (127.5 * 255,) * 3, "std": (127.5 * 255,) * 3}
NETWORK = {
    "padding": "same", "batch_norm": "all", "activation": "relu", "dropout": 0.0,
    "layers": ["conv 8", "pool", "conv 8", "gap"],
}  # fmt: skip
DATASET = make_dataset(800)
CLASSES, VALIDATION = len(DATASET.classes), int(DATASET.held_out.sum())


def make(scale: dict[str, Any]) -> PixelModel:
    torch.manual_seed(1)
    return build_model("cnn", NETWORK, outputs=CLASSES, channels=3, size=8, **scale)


def train(model: PixelModel, folder: Path, **changes: Any) -> Fitted:
    constant = {"ema_decay": 0.0, "schedule": {"name": "constant"}, "lr": 0.003}
    recipe = make_recipe(**{**RECIPE, **constant, **changes})
    return Trainer(
        model, DATASET, classification, recipe=recipe, augmentation=make_augmentation(), seed=0, label="run",
        device=torch.device("cpu"), channels_last=True, checkpoint=Checkpoint(folder / "state.pt", "one"),
    ).fit()  # fmt: skip


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that were trained with the right normalisation."""
    folder = tmp_path_factory.mktemp("pretrained")
    fitted = train(make(RIGHT), folder, epochs=3)
    save_file(fitted.weights, folder / "w.safetensors", {"lineup": json.dumps(RIGHT)})
    return folder / "w.safetensors"


def start_again(model: PixelModel, pretrained: Path) -> None:
    """Take over the base as if nothing looked after it, and begin with a new head."""
    twin = make(RIGHT)
    load(twin, pretrained)
    model.load_state_dict(twin.state_dict())
    *_, head = model.net.children()
    assert isinstance(head, torch.nn.Linear)
    head.reset_parameters()


@pytest.mark.parametrize("scale", [RIGHT, WRONG], ids=["right", "wrong"])
def test_a_frozen_base_with_a_wrong_normalisation_stays_at_chance(
    pretrained: Path, tmp_path: Path, scale: dict[str, Any]
) -> None:
    model = make(scale)
    start_again(model, pretrained)
    fitted = train(model, tmp_path, epochs=10, trainable="head")
    alarm = find_in_curve(fitted.rows, CLASSES, VALIDATION)
    if scale is RIGHT:
        assert alarm is None
        assert fitted.rows[-1]["val_accuracy"] > 0.6
    else:
        assert alarm
        assert alarm.startswith("validation accuracy stays at chance (0.2")


def test_the_guard_refuses_it_before_any_training(pretrained: Path) -> None:
    with pytest.raises(LineupError, match=r"want mean 127\.5 .* gives mean 3\.251e\+04"):
        load(make(WRONG), pretrained)


def curve(*accuracies: float) -> list[dict[str, Any]]:
    return [{"epoch": epoch, "val_accuracy": value} for epoch, value in enumerate(accuracies, start=1)]


@pytest.mark.parametrize(
    ("rows", "alarm"),
    [
        (curve(0.1015), "validation accuracy stays at chance (0.1015 of 10 classes)"),  # report D's D1
        (curve(0.098, 0.1, 0.108), "validation accuracy stays at chance (0.1080 of 10 classes)"),
        (curve(0.5, 0.1), "validation accuracy fell back to chance (0.1000 after 0.5000)"),
        (curve(0.1, 0.2), None),
        (curve(0.11), None),
        ([{"epoch": 1, "val_psnr": 20.0}], None),
    ],
)
def test_what_is_alarming_about_a_curve(rows: list[dict[str, Any]], alarm: str | None) -> None:
    assert find_in_curve(rows, 10, 10_000) == alarm


def test_guessing_is_within_the_bound() -> None:
    guesses = torch.randint(0, 10, (200, 1000), generator=torch.Generator().manual_seed(0))
    rates = (guesses == 0).double().mean(1)
    assert (rates > bound_chance(0.1, 1000)).double().mean() < 0.01
    assert bound_chance(0.1, 1000) < 0.13


def answer(classes: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(classes, 10).float()


def test_training_says_which_seed_learned_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    dataset = SimpleNamespace(classes=range(10), held_out=torch.ones(10_000, dtype=torch.bool))
    training: Any = SimpleNamespace(run=SimpleNamespace(name="d1"), dataset=dataset)
    results = {seed: Result([{"val_accuracy": accuracy}], {}) for seed, accuracy in ((0, 0.1), (1, 0.9))}
    SeedTraining.sound_alarm(training, results)
    said = capsys.readouterr().out
    assert said.startswith("ALARM: d1 seed 0: validation accuracy stays at chance (0.1")
    assert said.count("ALARM") == 1


def test_what_is_alarming_about_answers() -> None:
    labels = torch.arange(1000) % 10
    assert find_in_answers(answer(labels), labels) is None
    assert find_in_answers(answer(torch.full((1000,), 3)), labels) == "100.0% of the answers are class 3"
    assert (
        find_in_answers(answer((labels + 1) % 10), labels)
        == "accuracy is that of chance (0.0000 of 10 classes)"
    )
    # One class in truth as well: collapsed all the same, as nothing was told apart.
    assert find_in_answers(answer(torch.zeros(50, dtype=torch.int64)), torch.zeros(50)) is not None


def test_compare_shows_the_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path)
    detail = json.loads((tmp_path / "metrics/detail/b1.json").read_text())
    put(tmp_path, "metrics/detail/b1.json", {**detail, "alarms": {"0": "100.0% of the answers are class 3"}})
    rows = {row["run"]: row["alarm"] for row in compare(tmp_path, monkeypatch, drawn=True)}
    alarm = "seed 0: 100.0% of the answers are class 3"
    assert {run: found for run, found in rows.items() if found} == {"b1": alarm}
    for page in ("metrics/comparison.md", "plots/report.html"):
        assert f"ALARM, learned nothing: b1 ({alarm})." in (tmp_path / page).read_text()
