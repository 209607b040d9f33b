"""Training every seed of a run, and what a run leaves behind."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import mean, median
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lineup.data.pack import Pack
from lineup.environment import device_name
from lineup.errors import LineupError
from lineup.files import write_bytes, write_text
from lineup.models import rebuild
from lineup.training.checkpoint import Checkpoint, only_trainer
from lineup.training.fingerprint import fingerprint, hash_file
from lineup.training.fit import Fitted, Row, Trainer, list_phases, load_freezing, load_optimizer

STATE = Path(".lineup")

SAMPLE = 5000  # images that a network may look at before it is trained

AVERAGED = ("epochs", "seconds", "seconds_per_epoch", "images_per_second")


@dataclass(frozen=True)
class Outputs:
    """Where a run's results go: a folder of weights, the learning curves, and the record of the training."""

    models: Path
    curves: Path
    record: Path


@dataclass(frozen=True)
class Plan:
    """All that a training depends on but its seed, as it was when the process started.

    sources: hashes of the images and initial weights; code: of the modules; environment: what is recorded.
    """

    run: str
    facts: dict[str, Any]  # what model.json will hold
    augmentation: Mapping[str, Any]
    recipe: Mapping[str, Any]
    initial: Path | None  # None: the random weights stay
    sources: Mapping[str, str]
    code: Mapping[str, str]
    environment: Mapping[str, str | int]
    device: torch.device


@dataclass(frozen=True)
class Result:
    """What one seed gave: its learning curve, and how much was trainable in each phase."""

    rows: list[Row]
    trainable: dict[str, int]


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


def holds_tensors(path: Path) -> bool:
    """Whether there are initial weights in the file `path`: those called random are an empty file of tensors.

    Raises LineupError if it is not such a file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return bool(list(file.keys()))
    except (OSError, SafetensorError) as error:
        raise LineupError(
            str(path), f"not readable ({error})", "initial weights", "run `dvc repro weights`"
        ) from error


def load_modules(family: str, task: str, recipe: Mapping[str, Any], initial: Path | None) -> None:
    """Load all that such a training will load late, so that `hash_code` sees it."""
    import_module(f"lineup.models.{family}")
    import_module(f"lineup.tasks.{task}")
    phases = list_phases(recipe)
    load_freezing(phases)
    for phase in phases:
        load_optimizer(phase["optimizer"])
    if initial:
        load_starting()


def load_starting() -> ModuleType:
    """The module that takes over initial weights; trainings from scratch do not depend on it."""
    from lineup.training import initial

    return initial


def train_seeds(plan: Plan, pack: Pack, seeds: Sequence[int], outputs: Outputs) -> None:
    """Train the seeds that have no result yet, and write the run's files.

    A seed whose weights are there, made by the same plan and code, is kept: so adding a seed trains only that
    one, and a run killed between two seeds goes on with the second.
    """
    with only_trainer(STATE / "locks" / f"{plan.run}.lock"):
        facts = {**plan.facts, "seeds": list(seeds)}
        write_text(outputs.models / "model.json", json.dumps(facts, indent=2) + "\n")
        timings = _read_timings(outputs.record, seeds)
        results: dict[int, Result] = {}
        for seed in seeds:
            kept = _find_kept(plan, seed, outputs.models) if seed in timings else None
            results[seed] = kept or _train(plan, pack, seed, outputs, results, timings)
            _write_curves(outputs.curves, results)
            write_text(outputs.record, json.dumps(_record(plan, pack, results, timings), indent=2) + "\n")
        _remove_others(outputs.models, seeds)


def _read_timings(record: Path, seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What earlier trainings of these seeds took, as far as it is known."""
    try:
        known = json.loads(record.read_text(encoding="utf-8"))["seeds"]
    except (OSError, ValueError, KeyError):
        return {}
    return {seed: known[str(seed)] for seed in seeds if str(seed) in known}


def _find_kept(plan: Plan, seed: int, folder: Path) -> Result | None:
    """The result of one seed if an earlier run of this very training left it, else None."""
    weights, story = _name_files(folder, seed)
    if not (weights.exists() and story.exists()):
        return None
    told = json.loads(story.read_text(encoding="utf-8"))
    if told["fingerprint"] != _identify(plan, seed) or told["weights"] != hash_file(weights):
        return None
    print(f"{plan.run} seed {seed}: kept, nothing it depends on has changed", flush=True)
    return Result(told["rows"], told["trainable"])


def _name_files(folder: Path, seed: int) -> tuple[Path, Path]:
    """Where a seed's weights lie, and the story of how they came about."""
    return folder / f"seed-{seed}.safetensors", folder / f"seed-{seed}.json"


def _identify(plan: Plan, seed: int) -> str:
    """The fingerprint of one training: what it computes, not where."""
    return fingerprint(
        seed=seed,
        facts=plan.facts,
        recipe=dict(plan.recipe),
        augmentation=dict(plan.augmentation),
        sources=dict(plan.sources),
        code=dict(plan.code),
    )


def _train(
    plan: Plan,
    pack: Pack,
    seed: int,
    outputs: Outputs,
    others: Mapping[int, Result],
    timings: dict[int, dict[str, Any]],
) -> Result:
    """Train one seed, write its weights and story, and note in `timings` what it took.

    The file of learning curves, those of the `others` included, grows epoch by epoch.
    """
    (weights, story), key = _name_files(outputs.models, seed), _identify(plan, seed)
    torch.manual_seed(seed)
    model = rebuild(plan.facts)
    model.start_from(_sample(pack))
    if plan.initial:
        load_starting().load(model, plan.initial)
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
        on_epoch=lambda rows: _write_curves(outputs.curves, {**others, seed: Result(rows, {})}),
    ).fit()
    write_bytes(weights, save(fitted.weights))
    told = {
        "fingerprint": key,
        "weights": hash_file(weights),
        "rows": fitted.rows,
        "trainable": fitted.trainable,
    }
    write_text(story, json.dumps(told, indent=2) + "\n")
    checkpoint.remove()
    timings[seed] = _time(plan, pack, fitted)
    return Result(fitted.rows, fitted.trainable)


def _sample(pack: Pack) -> Tensor:
    """About `SAMPLE` of the training images, uint8 [n, c, h, w], spread evenly over them."""
    images = pack.images[~pack.held_out]
    return images[:: max(1, len(images) // SAMPLE)].permute(0, 3, 1, 2)


def _time(plan: Plan, pack: Pack, fitted: Fitted) -> dict[str, Any]:
    seconds = median(fitted.seconds)
    return {
        "epochs": len(fitted.rows),
        "best_epoch": next(row["epoch"] for row in fitted.rows if row["best"]),
        "seconds": round(sum(fitted.seconds), 2),
        "seconds_per_epoch": round(seconds, 3),
        "images_per_second": round(int((~pack.held_out).sum()) / seconds, 1),
        "device": device_name(plan.device),
        "environment": dict(plan.environment),
    }


def _record(
    plan: Plan, pack: Pack, results: Mapping[int, Result], timings: Mapping[int, dict[str, Any]]
) -> dict[str, Any]:
    """The run's training in figures: what it cost, and, seed by seed, what it was computed with."""
    means = {key: round(mean(timing[key] for timing in timings.values()), 3) for key in AVERAGED}
    first = next(iter(timings.values()))
    return {
        "run": plan.run,
        "train_images": int((~pack.held_out).sum()),
        **means,
        "device": first["device"],
        "threads": plan.recipe["threads"],
        "precision": plan.recipe["precision"],
        "trainable_parameters_by_phase": next(iter(results.values())).trainable,
        "seeds": {str(seed): timing for seed, timing in sorted(timings.items())},
    }


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
    wanted = {"model.json"} | {path.name for seed in seeds for path in _name_files(folder, seed)}
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
