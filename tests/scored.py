"""A made-up project with a run of each task, as train leaves it, and ways to evaluate it."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import forks
import pytest
import torch
from parameters import check_data, resolve
from ruamel.yaml import YAML
from safetensors.torch import save_file

from lineup.config.resolve import resolve_run
from lineup.data.dataset import ImageDataset, write_dataset
from lineup.evaluation import run as evaluation
from lineup.models.record import (
    ModelRecord,
    SeedRecord,
    name_weights,
    rebuild,
    write_record,
    write_seed,
)
from lineup.settings.run import Run

STAGE = Path(__file__).parents[1] / "stages" / "evaluate.py"
CLASSES = ("red", "green", "blue")
SEEDS = (0, 3)
PARAMS = """\
runtime: {device: cpu}
datasets: {made_up: {source: digits, needs: data/params.valid}}
views: {tiny: {dataset: made_up, size: 8, validation: 0.2, normalize: unit}}
weights: {random: {source: none, needs: data/params.valid}}
models:
  mlp: {small: {layers: [8]}}
  autoencoder: {coder: {filters: [6, 4], bottleneck: 5}}
augments: {}
recipes: {short: {epochs: 1, batch_size: 8, lr: 0.1, precision: fp32}}
runs:
  small: {view: tiny, weights: random, family: mlp, model: small, recipe: short, seeds: [0, 3]}
  coder: {view: tiny, weights: random, task: reconstruction, family: autoencoder, model: coder, recipe: short,
    seeds: [0, 3]}
"""


def make_dataset(count: int, held_out: bool) -> ImageDataset:
    """Noisy red, green and blue images in the order of their labels; one in five is held out."""
    generator = torch.Generator().manual_seed(count)
    labels = torch.arange(count) * 3 // count
    images = torch.randint(0, 160, (count, 8, 8, 3), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), :, :, labels] += 60
    zeros, ones = (0.0,) * 3, (255.0,) * 3
    held = (torch.arange(count) % 5 == 0) & held_out
    return ImageDataset(
        images, labels, torch.arange(count) + 7 * count, held, CLASSES, zeros, ones, zeros, ones
    )


def read_run(run: str) -> Run:
    """A run of the project."""
    return resolve_run(check_data(YAML(typ="safe", pure=True).load(PARAMS)), run)


def make_project(folder: Path, run: str) -> ModelRecord:
    """A folder as train leaves it, with two seeds of untrained weights."""
    (folder / "params.yaml").write_text(PARAMS)
    resolve(folder, f"runs/{run}")
    write_dataset(make_dataset(60, True), folder / "data/views/tiny/learn.safetensors")
    write_dataset(make_dataset(24, False), folder / "data/views/tiny/test.safetensors")
    declared, models = read_run(run), folder / "models" / run
    record = ModelRecord(
        **{"task": declared.task, "family": declared.model.family, "spec": declared.model.spec},
        **{"classes": CLASSES, "channels": 3, "size": 8, "mean": (0.0,) * 3, "std": (255.0,) * 3},
        **{"precision": "fp32", "channels_last": True, "threads": 1, "seeds": SEEDS},
    )
    write_record(record, models)
    for seed in SEEDS:
        torch.manual_seed(seed)
        save_file(rebuild(record).state_dict(), name_weights(models, seed))
        write_seed(SeedRecord("", "", [], {"whole": 1571, "head": 27}), models, seed)
    return record


def evaluate(folder: Path, run: str) -> subprocess.CompletedProcess[str]:
    """The stage as DVC runs it, a process of its own."""
    return subprocess.run(
        ["python", STAGE, run], cwd=folder, env=forks.environment(),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def evaluate_here(folder: Path, run: str, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """What the stage does, in this process, whose threads and settings it leaves alone.

    changes: of the run.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setattr(evaluation, "start", lambda threads: None)
    declared = replace(read_run(run), **changes)
    evaluation.evaluate_run(declared, Path("models") / run, Path("data/views/tiny"))


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
