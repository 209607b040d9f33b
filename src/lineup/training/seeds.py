"""Training every seed of a run, and what a run leaves behind."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from lineup import runtime
from lineup.alarm import find_in_curve
from lineup.components import STARTING, name_task
from lineup.data.dataset import ImageDataset, read_dataset
from lineup.environment import describe_environment, device_name
from lineup.files import hash_file, write_bytes, write_text
from lineup.models.record import (
    ModelRecord,
    SeedRecord,
    name_seed,
    name_weights,
    read_seed,
    rebuild,
    write_record,
    write_seed,
)
from lineup.resolved import hash_values
from lineup.settings.run import Run
from lineup.training.checkpoint import Checkpoint, only_trainer
from lineup.training.fit import Fitted, Row, Trainer

STATE = Path(".lineup")

SAMPLE = 5000  # images that a network may look at before it is trained

AVERAGED = ("epochs", "seconds", "seconds_per_epoch", "images_per_second")


@dataclass(frozen=True)
class Inputs:
    """What a training reads: its images, never those of test, and its initial weights."""

    images: Path
    weights: Path


@dataclass(frozen=True)
class Outputs:
    """Where a run's results go: a folder of weights, the learning curves, and the record of the training."""

    models: Path
    curves: Path
    record: Path


@dataclass(frozen=True)
class Result:
    """What one seed gave: its learning curve, and how much was trainable in each phase."""

    rows: list[Row]
    trainable: dict[str, int]


def train_run(run: Run, identity: str, inputs: Inputs, outputs: Outputs) -> None:
    """Train the seeds of `run` that have no result yet, and write the run's files.

    identity: of the training without its seeds (resolved/runs). A seed whose weights are there, made with
    this identity from these inputs, is kept: so adding a seed trains only that one, and a run killed between
    two seeds goes on with the second.
    """
    # Numbers below 1e-38 count as zero. They take ten times as long, and the moments of units that died end
    # there: AlexNet's steps took 2.5 times as long. Set before any thread starts, because those inherit it.
    torch.set_flush_denormal(True)
    runtime.start(run.recipe.threads)
    device = runtime.choose_device(run.device)
    training = SeedTraining(run, identity, inputs, outputs, device)
    with only_trainer(STATE / "locks" / f"{run.name}.lock"):
        write_record(training.describe_model(), outputs.models)
        timings = _read_timings(outputs.record, run.seeds)
        results: dict[int, Result] = {}
        for seed in run.seeds:
            kept = training.find_kept(seed) if seed in timings else None
            results[seed] = kept or training.train(seed, results, timings)
            _write_curves(outputs.curves, results)
            record = training.describe(results, timings)
            write_text(outputs.record, json.dumps(record, indent=2) + "\n")
        _remove_others(outputs.models, run.seeds)
    training.sound_alarm(results)


class SeedTraining:
    """The training of a run's seeds, one after another, with all that they share as it was at the start."""

    def __init__(
        self, run: Run, identity: str, inputs: Inputs, outputs: Outputs, device: torch.device
    ) -> None:
        self.run, self.outputs, self.device = run, outputs, device
        self.initial = inputs.weights if run.pretrained else None
        self.sources = {"images": hash_file(inputs.images), "weights": hash_file(inputs.weights)}
        self.identity = identity
        self.dataset = read_dataset(inputs.images)
        self.environment = describe_environment(device)

    def describe_model(self) -> ModelRecord:
        """What rebuilds and applies the models of the run."""
        run, dataset = self.run, self.dataset
        return ModelRecord(
            task=run.task,
            family=run.model.family,
            spec=run.model.spec,
            classes=dataset.classes,
            channels=dataset.images.shape[3],
            size=dataset.images.shape[1],
            mean=dataset.mean,
            std=dataset.std,
            precision=run.recipe.precision,
            channels_last=run.channels_last,
            threads=run.recipe.threads,
            seeds=run.seeds,
        )

    def find_kept(self, seed: int) -> Result | None:
        """The result of one seed if an earlier run of this very training left it, else None."""
        folder = self.outputs.models
        if not (name_weights(folder, seed).exists() and name_seed(folder, seed).exists()):
            return None
        record = read_seed(folder, seed)
        if (record.fingerprint, record.weights) != (
            self._fingerprint(seed),
            hash_file(name_weights(folder, seed)),
        ):
            return None
        print(f"{self.run.name} seed {seed}: kept, nothing it depends on has changed", flush=True)
        return Result(record.rows, record.trainable)

    def train(self, seed: int, others: Mapping[int, Result], timings: dict[int, dict[str, Any]]) -> Result:
        """Train one seed, write its weights and record, and note in `timings` what it took.

        The file of learning curves, those of the `others` included, grows epoch by epoch.
        """
        run, folder = self.run, self.outputs.models
        torch.manual_seed(seed)
        model = rebuild(self.describe_model())
        model.start_from(_sample(self.dataset))
        if self.initial:
            import_module(STARTING).load(model, self.initial)
        checkpoint = self._open_checkpoint(seed)
        fitted = Trainer(
            model,
            self.dataset,
            import_module(name_task(run.task)),
            recipe=run.recipe,
            augmentation=run.augmentation,
            seed=seed,
            device=self.device,
            channels_last=run.channels_last,
            checkpoint=checkpoint,
            label=f"{run.name} seed {seed}",
            on_epoch=lambda rows: _write_curves(self.outputs.curves, {**others, seed: Result(rows, {})}),
        ).fit()
        weights = name_weights(folder, seed)
        write_bytes(weights, save(fitted.weights))
        record = SeedRecord(self._fingerprint(seed), hash_file(weights), fitted.rows, fitted.trainable)
        write_seed(record, folder, seed)
        checkpoint.remove()
        timings[seed] = self._time(fitted)
        return Result(fitted.rows, fitted.trainable)

    def describe(
        self, results: Mapping[int, Result], timings: Mapping[int, dict[str, Any]]
    ) -> dict[str, Any]:
        """The record of the run's training: what it cost, and, seed by seed, what it was computed with."""
        means = {key: round(mean(timing[key] for timing in timings.values()), 3) for key in AVERAGED}
        first = next(iter(timings.values()))
        return {
            "run": self.run.name,
            "train_images": int((~self.dataset.held_out).sum()),
            **means,
            "device": first["device"],
            "threads": self.run.recipe.threads,
            "precision": self.run.recipe.precision,
            "trainable_parameters_by_phase": next(iter(results.values())).trainable,
            "seeds": {str(seed): timing for seed, timing in sorted(timings.items())},
        }

    def sound_alarm(self, results: Mapping[int, Result]) -> None:
        """Print what is alarming about the learning curves."""
        for seed, result in results.items():
            alarm = find_in_curve(result.rows, len(self.dataset.classes), int(self.dataset.held_out.sum()))
            if alarm:
                print(f"ALARM: {self.run.name} seed {seed}: {alarm}", flush=True)

    def _fingerprint(self, seed: int) -> str:
        """Of one training: what it computes, not where."""
        return hash_values({"identity": self.identity, "seed": seed, "sources": self.sources})

    def _open_checkpoint(self, seed: int) -> Checkpoint:
        """A half-finished training goes on only with the versions and the kind of device that began it."""
        path = STATE / "checkpoints" / self.run.name / f"seed-{seed}.pt"
        key = [self._fingerprint(seed), torch.__version__, self.device.type]
        return Checkpoint(path, hash_values(key))

    def _time(self, fitted: Fitted) -> dict[str, Any]:
        seconds = median(fitted.seconds)
        return {
            "epochs": len(fitted.rows),
            "best_epoch": next(row["epoch"] for row in fitted.rows if row["best"]),
            "seconds": round(sum(fitted.seconds), 2),
            "seconds_per_epoch": round(seconds, 3),
            "images_per_second": round(int((~self.dataset.held_out).sum()) / seconds, 1),
            "device": device_name(self.device),
            "environment": self.environment,
        }


def _read_timings(record: Path, seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What earlier trainings of these seeds took, as far as it is known."""
    try:
        known = json.loads(record.read_text(encoding="utf-8"))["seeds"]
    except (OSError, ValueError, KeyError):
        return {}
    return {seed: known[str(seed)] for seed in seeds if str(seed) in known}


def _sample(dataset: ImageDataset) -> Tensor:
    """About `SAMPLE` of the training images, uint8 [n, c, h, w], spread evenly over them."""
    images = dataset.images[~dataset.held_out]
    return images[:: max(1, len(images) // SAMPLE)].permute(0, 3, 1, 2)


def _write_curves(path: Path, results: Mapping[int, Result]) -> None:
    """Write the learning curves of all seeds as CSV, a row an epoch."""
    rows = [{"seed": seed, **row} for seed, result in results.items() for row in result.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def _remove_others(folder: Path, seeds: Sequence[int]) -> None:
    """Remove what belongs to seeds that are no longer declared."""
    wanted = {"model.json"} | {
        path(folder, seed).name for seed in seeds for path in (name_weights, name_seed)
    }
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
