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
from safetensors.torch import load_file, save_file

from lineup.data.pack import Pack
from lineup.environment import describe_environment, device_name
from lineup.errors import LineupError
from lineup.files import write_atomic, write_text
from lineup.models import PixelModel, rebuild
from lineup.training.checkpoint import Checkpoint, only_trainer
from lineup.training.fingerprint import fingerprint, hash_file
from lineup.training.fit import Fitted, Trainer

STATE = Path(".lineup")

AVERAGED = ("epochs", "seconds", "seconds_per_epoch", "images_per_second")


@dataclass(frozen=True)
class Outputs:
    """Where a run's results go: a folder of weights, the learning curves, and the record of the training."""

    models: Path
    curves: Path
    record: Path


@dataclass(frozen=True)
class Plan:
    """All that a training depends on but its seed; `sources` are hashes of images and initial weights."""

    run: str
    facts: dict[str, Any]  # what model.json will hold
    augmentation: Mapping[str, Any]
    recipe: Mapping[str, Any]
    initial: Path
    sources: Mapping[str, str]
    device: torch.device


@dataclass(frozen=True)
class Result:
    """What one seed gave: its learning curve, what was trainable in each phase, and its timing."""

    rows: list[dict[str, Any]]
    trainable: dict[str, int]
    timing: dict[str, Any]


def describe_model(
    pack: Pack,
    *,
    task: str,
    family: str,
    spec: Mapping[str, Any],
    recipe: Mapping[str, Any],
    channels_last: bool,
) -> dict[str, Any]:
    """What model.json holds: all that rebuilds the model and applies it, normalisation included."""
    return {
        "task": task,
        "family": family,
        "spec": dict(spec),
        "classes": list(pack.classes),
        "channels": pack.images.shape[3],
        "size": pack.images.shape[1],
        "mean": list(pack.mean),
        "std": list(pack.std),
        "precision": recipe["precision"],
        "channels_last": channels_last,
        "threads": recipe["threads"],
    }


def train_seeds(plan: Plan, pack: Pack, seeds: Sequence[int], outputs: Outputs) -> None:
    """Train the seeds that have no result yet, and write the run's files.

    A seed whose weights are there, made by the same plan and code, is kept: so adding a seed trains only that
    one, and a run killed between two seeds goes on with the second.
    """
    with only_trainer(STATE / "locks" / f"{plan.run}.lock"):
        facts = {**plan.facts, "seeds": list(seeds)}
        write_text(outputs.models / "model.json", json.dumps(facts, indent=2) + "\n")
        results: dict[int, Result] = {}
        for seed in seeds:
            results[seed] = _provide(plan, pack, seed, outputs)
            write_text(outputs.curves, _format_curves(results))
            write_text(outputs.record, json.dumps(_record(plan, pack, results), indent=2) + "\n")
        _remove_others(outputs.models, seeds)


def _provide(plan: Plan, pack: Pack, seed: int, outputs: Outputs) -> Result:
    """The result of one seed: kept from an earlier run of this very training, or made now."""
    key = _identify(plan, seed)
    weights, story = outputs.models / f"seed-{seed}.safetensors", outputs.models / f"seed-{seed}.json"
    try:
        told = json.loads(story.read_text(encoding="utf-8"))
        timed = json.loads(outputs.record.read_text(encoding="utf-8"))["seeds"][str(seed)]
    except (OSError, ValueError, KeyError):
        told, timed = {"fingerprint": None}, {}
    if told["fingerprint"] == key and weights.exists() and hash_file(weights) == told["weights"]:
        print(f"{plan.run} seed {seed}: kept, nothing it depends on has changed", flush=True)
        return Result(told["rows"], told["trainable"], timed)
    return _train(plan, pack, seed, key, weights, story)


def _identify(plan: Plan, seed: int) -> str:
    """The fingerprint of one training: what it computes, not where."""
    recipe, augmentation = dict(plan.recipe), dict(plan.augmentation)
    return fingerprint(
        seed=seed, facts=plan.facts, recipe=recipe, augmentation=augmentation, sources=dict(plan.sources)
    )


def _train(plan: Plan, pack: Pack, seed: int, key: str, weights: Path, story: Path) -> Result:
    torch.manual_seed(seed)
    model = rebuild(plan.facts)
    load_initial(model, plan.initial)
    path = STATE / "checkpoints" / plan.run / f"seed-{seed}.pt"
    # A half-finished training goes on only with the versions and the kind of device that began it.
    checkpoint = Checkpoint(path, fingerprint(key=key, torch=torch.__version__, device=plan.device.type))
    fitted = Trainer(
        model,
        pack,
        import_module(f"lineup.tasks.{plan.facts['task']}"),
        recipe=plan.recipe,
        augmentation=plan.augmentation,
        seed=seed,
        device=plan.device,
        channels_last=plan.facts["channels_last"],
        checkpoint=checkpoint,
        label=f"{plan.run} seed {seed}",
    ).fit()
    write_atomic(weights, lambda temporary: save_file(fitted.weights, temporary))
    told = {
        "fingerprint": key,
        "weights": hash_file(weights),
        "rows": fitted.rows,
        "trainable": fitted.trainable,
    }
    write_text(story, json.dumps(told, indent=2) + "\n")
    checkpoint.remove()
    return Result(fitted.rows, fitted.trainable, _time(plan, pack, fitted))


def load_initial(model: PixelModel, path: Path) -> None:
    """Take over the initial weights of `path`; an empty file leaves the random ones.

    Raises LineupError when the file's names or shapes are not the network's.
    """
    initial = load_file(path)
    if not initial:
        return
    try:
        model.net.load_state_dict(initial)
    except RuntimeError as error:
        found = " ".join(str(error).split())
        raise LineupError(
            str(path), found, "weights of this architecture", "choose other weights or another model"
        ) from error


def _time(plan: Plan, pack: Pack, fitted: Fitted) -> dict[str, Any]:
    seconds = median(fitted.seconds)
    return {
        "epochs": len(fitted.rows),
        "best_epoch": next(row["epoch"] for row in fitted.rows if row["best"]),
        "seconds": round(sum(fitted.seconds), 2),
        "seconds_per_epoch": round(seconds, 3),
        "images_per_second": round(int((~pack.held_out).sum()) / seconds, 1),
        "device": device_name(plan.device),
    }


def _record(plan: Plan, pack: Pack, results: Mapping[int, Result]) -> dict[str, Any]:
    """The run's training in figures: what it cost, and what it was computed with."""
    timings = [result.timing for result in results.values()]
    means = {key: round(mean(timing[key] for timing in timings), 3) for key in AVERAGED}
    environment = describe_environment(plan.device)
    return {
        "run": plan.run,
        "train_images": int((~pack.held_out).sum()),
        **means,
        "device": timings[-1]["device"],
        "threads": environment["threads"],
        "precision": plan.recipe["precision"],
        "trainable_parameters_by_phase": next(iter(results.values())).trainable,
        "seeds": {str(seed): result.timing for seed, result in results.items()},
        "environment": environment,
    }


def _format_curves(results: Mapping[int, Result]) -> str:
    """The learning curves of all seeds as CSV, a row an epoch."""
    rows = [{"seed": seed, **row} for seed, result in results.items() for row in result.rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _remove_others(folder: Path, seeds: Sequence[int]) -> None:
    """Remove what belongs to seeds that are no longer declared."""
    wanted = {"model.json"} | {f"seed-{seed}.{kind}" for seed in seeds for kind in ("json", "safetensors")}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
