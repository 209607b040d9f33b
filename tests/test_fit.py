"""Training: exact resumption, phases, early stopping, and what goes wrong."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from recipes import make_augmentation, make_recipe
from torch import Tensor

from lineup.console import Stopped
from lineup.data.dataset import ImageDataset
from lineup.errors import LineupError
from lineup.models import build_model
from lineup.tasks import classification
from lineup.training import fit
from lineup.training.checkpoint import Checkpoint
from lineup.training.fit import Fitted, Trainer

RECIPE: dict[str, Any] = {
    "epochs": 3, "batch_size": 16, "lr": 0.01, "schedule": {"name": "cosine", "warmup": 1.0},
    "label_smoothing": 0.1, "ema_decay": 0.9, "precision": "fp32",
}  # fmt: skip
AUGMENTATION = make_augmentation(
    flip="random", crop=1, rotate=10.0, shift=[0.1, 0.1], fill="border", cutout=2, jitter=[0.1] * 4
)
SPEC = {"padding": "same", "batch_norm": "all", "activation": "relu", "dropout": 0.3}
LAYERS = ["conv 4", "pool", "flatten", "dense 8", "dropout"]


def make_dataset(count: int = 80) -> ImageDataset:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 4
    images = torch.randint(0, 100, (count, 8, 8, 3), generator=generator) + labels.view(-1, 1, 1, 1) * 40
    scale = ((100.0,) * 3, (60.0,) * 3) * 2
    ids, held_out = torch.arange(count) * 977, torch.arange(count) % 5 == 0
    return ImageDataset(images.to(torch.uint8), labels, ids, held_out, tuple("abcd"), *scale)


def make_trainer(folder: Path, seed: int = 0, **changes: Any) -> Trainer:
    torch.manual_seed(seed)
    scale: dict[str, Any] = {"mean": (100.0,) * 3, "std": (60.0,) * 3}
    return Trainer(
        build_model("cnn", {**SPEC, "layers": LAYERS}, outputs=4, channels=3, size=8, **scale),
        make_dataset(),
        classification,
        recipe=make_recipe(**{**RECIPE, **changes}),
        augmentation=AUGMENTATION,
        seed=seed,
        device=torch.device("cpu"),
        channels_last=True,
        checkpoint=Checkpoint(folder / "state.pt", "one"),
        label="run",
    )


def same(one: Fitted, other: Fitted) -> bool:
    return one.rows == other.rows and all(
        torch.equal(one.weights[k], other.weights[k]) for k in other.weights
    )


@pytest.fixture
def _stops() -> Iterator[None]:
    """SIGTERM as a stage treats it."""

    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


PHASES = {
    "head": {"epochs": 1, "trainable": "head", "dropout": 0.6},
    "whole": {"epochs": 2, "lr": 0.001},
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"phases": PHASES, "checkpoint": "last"},
        {"ema_decay": 0.0, "schedule": {"name": "plateau", "factor": 0.5, "patience": 1, "floor": 0.0}},
    ],
    ids=["ema", "phases", "plateau"],
)
@pytest.mark.parametrize("stop_at", [1, 4, 6, 11])
@pytest.mark.usefixtures("_stops")
def test_a_stopped_training_goes_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], stop_at: int
) -> None:
    undisturbed = make_trainer(tmp_path / "a", **changes).fit()
    stopped, steps, step = make_trainer(tmp_path / "b", **changes), 0, Trainer._step

    def step_until_stopped(self: Trainer, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal steps
        steps += 1
        if steps == stop_at:
            signal.raise_signal(signal.SIGTERM)
        return step(self, images, labels)

    monkeypatch.setattr(fit, "SECONDS_UNINTERRUPTED", 0.0)  # so that the signal counts after this very step
    monkeypatch.setattr(Trainer, "_step", step_until_stopped)
    with pytest.raises(Stopped):
        stopped.fit()
    assert steps == stop_at
    torch.manual_seed(123)  # the process that goes on has drawn other random numbers
    torch.rand(7)
    resumed = make_trainer(tmp_path / "b", seed=0, **changes).fit()
    assert (tmp_path / "b" / "state.pt").exists()
    assert same(resumed, undisturbed)


def test_the_learning_curve_is_handed_over_as_it_grows(tmp_path: Path) -> None:
    trainer, seen = make_trainer(tmp_path), []
    trainer.on_epoch = lambda rows: seen.append([row["epoch"] for row in rows])
    trainer.fit()
    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    first = make_trainer(tmp_path / "a").fit()
    assert same(make_trainer(tmp_path / "b").fit(), first)
    assert not same(make_trainer(tmp_path / "c", seed=1).fit(), first)


def test_phases_train_what_they_name(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, phases={"head": {"epochs": 1, "trainable": "head"}}, ema_decay=0.0)
    before = {name: weight.clone() for name, weight in trainer.model.state_dict().items()}
    fitted = trainer.fit()
    changed = {name for name, weight in fitted.weights.items() if not torch.equal(weight, before[name])}
    last = max(name for name, _ in trainer.model.named_parameters())
    assert {name.rsplit(".", 1)[0] for name in changed} == {last.rsplit(".", 1)[0]}
    assert fitted.trainable == {"head": 8 * 4 + 4}


def test_phases_inherit_what_they_do_not_name() -> None:
    head, whole = make_recipe(**RECIPE, phases=PHASES).phases
    assert (head.epochs, head.lr, head.trainable, head.name) == (1, 0.01, "head", "head")
    assert (whole.lr, whole.trainable, head.dropout) == (0.001, "all", 0.6)


def test_the_learning_rate_is_that_of_the_start_of_the_epoch(tmp_path: Path) -> None:
    schedule = {"name": "one_cycle", "warmup": 0.0}
    fitted = make_trainer(tmp_path, epochs=2, lr=0.2, schedule=schedule).fit()
    assert [row["lr"] for row in fitted.rows] == pytest.approx([0.2, 0.1])


def test_early_stopping_counts_from_the_best_epoch(tmp_path: Path) -> None:
    fitted = make_trainer(tmp_path, epochs=40, patience=2, lr=0.05, ema_decay=0.0).fit()
    scores = [row["val_accuracy"] for row in fitted.rows]
    best = scores.index(max(scores))
    assert len(scores) == best + 3 < 40
    assert [row["best"] for row in fitted.rows] == [int(index == best) for index in range(len(scores))]


def test_kept_weights_are_those_of_the_best_epoch(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, epochs=12, lr=0.05, ema_decay=0.0)
    fitted = trainer.fit()
    trainer.model.load_state_dict(fitted.weights)
    best = next(row for row in fitted.rows if row["best"])
    assert best is not fitted.rows[-1]
    loss, right = (trainer._validate() / 16).tolist()
    assert (round(loss, 6), round(right, 6)) == (best["val_loss"], best["val_accuracy"])


def test_a_loss_that_is_not_finite_names_step_epoch_and_lr(tmp_path: Path) -> None:
    message = r"run epoch 1 step \d+: the loss is (nan|inf) at lr 1e\+30"
    with pytest.raises(LineupError, match=message):
        make_trainer(tmp_path, optimizer="sgd", lr=1e30, schedule={"name": "constant"}).fit()


def test_out_of_memory_names_the_batch_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Trainer, "_step", exhaust)
    with pytest.raises(LineupError, match="batch_size 16"):
        make_trainer(tmp_path).fit()


def test_a_last_batch_of_one_image_is_left_out() -> None:
    assert fit._count_batches(65, 16) == 4
    assert fit._count_batches(66, 16) == 5
    assert fit._count_batches(1, 16) == 1


def test_bf16_trains_too(tmp_path: Path) -> None:
    fitted = make_trainer(tmp_path, precision="bf16", ema_decay=0.0, epochs=12).fit()
    assert fitted.rows[-1]["val_accuracy"] > 0.5
