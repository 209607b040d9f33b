"""train: a run's training images and parameters -> models/<run>/, its learning curves and training record.

In: data/views/<view>/learn.safetensors (never test), data/weights/<weights>.safetensors, and the run's model,
augmentation and recipe. Out: models/<run>/, plots/curves/<run>.csv, metrics/training/<run>.json.
"""

import json
from pathlib import Path

import torch

from lineup import runtime
from lineup.config.params import load, pick
from lineup.console import stage
from lineup.data.pack import Pack, read_pack
from lineup.environment import describe_environment
from lineup.training.fingerprint import hash_code, hash_file
from lineup.training.seeds import (
    Outputs,
    Plan,
    describe_model,
    holds_tensors,
    load_modules,
    train_seeds,
)


def main(name: str) -> None:
    """Train every seed of the run called `name`."""
    # Numbers below 1e-38 count as zero. They take ten times as long, and the moments of units that died end
    # there: AlexNet's steps took 2.5 times as long. Set before any thread starts, because those inherit it.
    torch.set_flush_denormal(True)
    params = load()
    run = pick(params.runs, name, "runs")
    runtime.start(params.recipes[run.recipe].threads)
    device = runtime.choose_device(params.runtime.device)
    images, weights = (
        Path(f"data/views/{run.view}/learn.safetensors"),
        Path(f"data/weights/{run.weights}.safetensors"),
    )
    pack, recipe = read_pack(images), params.recipes[run.recipe].model_dump()
    initial = weights if holds_tensors(weights) else None
    load_modules(run.family, run.task, recipe, initial)
    spec = params.models[run.family][run.model].model_dump()
    plan = Plan(
        run=name,
        facts=describe_model(
            pack,
            task=run.task,
            family=run.family,
            spec=spec,
            recipe=recipe,
            channels_last=params.runtime.channels_last,
        ),
        augmentation=params.augments[run.augment].model_dump(),
        recipe=recipe,
        initial=initial,
        sources={"images": hash_file(images), "weights": hash_file(weights)},
        code=hash_code(),
        environment=describe_environment(device),
        device=device,
    )
    outputs = Outputs(
        Path(f"models/{name}"), Path(f"plots/curves/{name}.csv"), Path(f"metrics/training/{name}.json")
    )
    train_seeds(plan, pack, run.seeds, outputs)
    sound_alarm(name, pack, run.seeds)


def sound_alarm(name: str, pack: Pack, seeds: list[int]) -> None:
    """Print what is alarming about the learning curves of a run."""
    # Only here, so that it is no part of what a training is known by.
    from lineup.evaluation.alarm import find_in_curve

    for seed in seeds:
        rows = json.loads(Path(f"models/{name}/seed-{seed}.json").read_text(encoding="utf-8"))["rows"]
        alarm = find_in_curve(rows, len(pack.classes), int(pack.held_out.sum()))
        if alarm:
            print(f"ALARM: {name} seed {seed}: {alarm}", flush=True)


if __name__ == "__main__":
    stage(main)
