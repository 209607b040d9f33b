"""A made-up project with a run of each task, as train leaves it, and ways to evaluate it."""

import json
import runpy
import subprocess
from pathlib import Path
from typing import Any

import forks
import pytest
import torch
from safetensors.torch import save_file

from lineup.data.pack import Pack, write_pack
from lineup.models import rebuild

STAGE = Path(__file__).parents[1] / "stages" / "evaluate.py"
CLASSES = ["red", "green", "blue"]
SEEDS = (0, 3)
PARAMS = """\
runtime: {device: cpu, channels_last: true}
datasets: {made_up: {source: digits, needs: data/params.valid}}
views: {tiny: {dataset: made_up, color: rgb, size: 8, validation: 0.2, split_seed: 0, normalize: unit}}
weights: {random: {source: none, needs: data/params.valid}}
waiting_weights: {}
models:
  mlp: {small: {layers: [8], dropout: 0.0}}
  autoencoder: {coder: {filters: [6, 4], bottleneck: 5, batch_norm: false}}
augments:
  none: {flip: none, crop: 0, rotate: 0.0, shift: [0.0, 0.0], fill: zeros, cutout: 0,
    jitter: [0.0, 0.0, 0.0, 0.0]}
recipes:
  short: {epochs: 1, batch_size: 8, optimizer: sgd, lr: 0.1, momentum: 0.0, weight_decay: 0.0,
    schedule: {name: constant}, smoothing: 0.0, ema: 0.0, patience: 0, keep: last, precision: fp32,
    threads: 1, trainable: all, phases: {}}
runs:
  small: {row: null, view: tiny, weights: random, task: classification, family: mlp, model: small,
    augment: none, recipe: short, seeds: [0, 3], tta: none}
  coder: {row: null, view: tiny, weights: random, task: reconstruction, family: autoencoder, model: coder,
    augment: none, recipe: short, seeds: [0, 3], tta: none}
waiting: {}
"""
MODELS: dict[str, dict[str, Any]] = {
    "small": {"task": "classification", "family": "mlp", "spec": {"layers": [8], "dropout": 0.0}},
    "coder": {
        "task": "reconstruction",
        "family": "autoencoder",
        "spec": {"filters": [6, 4], "bottleneck": 5, "batch_norm": False},
    },
}


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


def make_project(folder: Path, run: str) -> dict[str, Any]:
    """A folder as train leaves it, with two seeds of untrained weights."""
    (folder / "params.yaml").write_text(PARAMS)
    write_pack(make_pack(60, True), folder / "data/views/tiny/learn.safetensors")
    write_pack(make_pack(24, False), folder / "data/views/tiny/test.safetensors")
    facts = {
        **MODELS[run],
        "classes": CLASSES,
        "channels": 3,
        "size": 8,
        "mean": [0.0] * 3,
        "std": [255.0] * 3,
    }
    facts |= {"precision": "fp32", "channels_last": True, "threads": 1, "seeds": list(SEEDS)}
    models = folder / "models" / run
    models.mkdir(parents=True)
    (models / "model.json").write_text(json.dumps(facts))
    for seed in SEEDS:
        torch.manual_seed(seed)
        save_file(rebuild(facts).state_dict(), models / f"seed-{seed}.safetensors")
        (models / f"seed-{seed}.json").write_text(json.dumps({"trainable": {"whole": 1571, "head": 27}}))
    return facts


def evaluate(folder: Path, run: str) -> subprocess.CompletedProcess[str]:
    """The stage as DVC runs it, a process of its own."""
    return subprocess.run(
        ["python", STAGE, run], cwd=folder, env=forks.environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def evaluate_here(folder: Path, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage in this process, whose threads and settings it leaves alone."""
    monkeypatch.chdir(folder)
    main = runpy.run_path(str(STAGE))["main"]
    monkeypatch.setitem(main.__globals__, "start", lambda threads: None)
    main(run)


def list_results(run: str) -> list[str]:
    """The files of a run that a second evaluation writes again, byte by byte; pictures are apart."""
    return [
        f"metrics/runs/{run}.json",
        f"metrics/detail/{run}.json",
        f"plots/confusion/{run}.csv",
        f"data/predictions/{run}.safetensors",
        f"metrics/outcomes/{run}.safetensors",
    ]


def make_evaluated(factory: pytest.TempPathFactory, run: str) -> Path:
    """A project whose `run` has been evaluated without complaint."""
    folder = factory.mktemp("project")
    make_project(folder, run)
    done = evaluate(folder, run)
    assert (done.returncode, done.stderr) == (0, "")
    return folder
