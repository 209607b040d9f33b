"""Results of runs that never ran, in the form in which train and evaluate leave them."""

import csv
import json
import math
import runpy
import zlib
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from parameters import check_data, resolve
from PIL import Image
from ruamel.yaml import YAML

from lineup.comparison.run import compare_runs, print_comparison, write_comparison, write_curves, write_tables
from lineup.config.files import read_files
from lineup.config.resolve import resolve_comparison
from lineup.evaluation.outcomes import write_outcomes

ROOT = Path(__file__).parents[1]
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
# run: (row, seeds, validation accuracy or mean squared error, latency in ms)
CLASSIFIERS: dict[str, tuple[str | None, list[int], float, float]] = {
    "b1": ("B1", [0], 0.61, 0.4),
    "d3": ("D3", [0, 1, 2], 0.74, 0.62),
    "d3_fp32": ("D3", [0, 1, 2], 0.743, 0.61),
    "resnet18_e1": ("E1", [0], 0.89, 6.2),
    "own": (None, [5, 6], 0.70, 0.64),
}
AUTOENCODERS: dict[str, tuple[str | None, list[int], float, float]] = {
    "cae": ("A6", [0], 0.0011, 0.7),
    "cae_wide": ("A8", [0, 1], 0.0007, 0.9),
}
RUNS = {**CLASSIFIERS, **AUTOENCODERS}
IMAGES = 300
WAITING = {"swin": "A9", "vgg16": "B12"}


@cache
def read_reports() -> str:
    """What the reports claim and fix, as JSON."""
    data = read_files(ROOT / "params.yaml").data
    return json.dumps({section: data[section] for section in ("protocols", "reports")})


def declare(runs: Mapping[str, tuple[str | None, list[int]]], waiting: Mapping[str, str]) -> str:
    """A params.yaml with these runs {name: (row, seeds)}, waiting ones {name: row}, and all reports."""
    data = YAML(typ="safe", pure=True).load(ROOT / "tests/tiny.yaml") | json.loads(read_reports())
    example = data["runs"]["dense"]
    data["models"]["autoencoder"] = {"small": {"filters": [4, 8], "bottleneck": 8}}
    data["waiting_weights"] = {}
    data["runs"] = {name: example | {"row": row, "seeds": seeds} for name, (row, seeds) in runs.items()}
    for name in set(AUTOENCODERS) & set(runs):
        data["runs"][name] |= {"task": "reconstruction", "family": "autoencoder", "model": "small"}
    data["waiting"] = {name: example | {"row": row} for name, row in waiting.items()}
    return json.dumps(data)


def put(folder: Path, path: str, content: Any) -> None:
    """Write a text, or something else as JSON, to `path` in `folder`."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content if isinstance(content, str) else json.dumps(content))


def score_classifier(val: float) -> dict[str, float]:
    """Metrics of a classifier with this validation accuracy."""
    test = round(val - 0.004, 6)
    metrics = {"val_accuracy": val, "val_loss": 0.9, "test_accuracy": test, "test_low": test - 0.009}
    metrics |= {"test_high": test + 0.009, "test_loss": 0.95, "macro_precision": test, "macro_recall": test}
    metrics |= {"macro_f1": test - 0.001, "train_accuracy": val + 0.05, "train_loss": 0.8, "gap": 0.05}
    return metrics | {"test_ece": 0.0456, "temperature": 1.3, "test_ece_scaled": 0.0123}


def score_autoencoder(val: float) -> dict[str, float]:
    """Metrics of an autoencoder with this mean squared error on validation."""
    metrics = {"val_mse": val, "test_mse": val + 0.00001, "val_psnr": 31.0, "test_psnr": 30.9}
    metrics |= {"val_ssim": 0.95, "test_ssim": 0.9456, "train_mse": val - 0.00002, "gap": 0.00002}
    return metrics | {"probe_val_accuracy": 0.53, "probe_test_accuracy": 0.5234}


def make_results(folder: Path, run: str, seeds: list[int], val: float, latency: float) -> None:
    """Results of a made-up run in the form of train and evaluate."""
    autoencoder = run in AUTOENCODERS
    scores = score_autoencoder(val) if autoencoder else score_classifier(val)
    cost = {"parameters": 622_282, "trainable_parameters": 621_322, "macs": 6_300_000}
    keys = [str(seed) for seed in seeds]
    several = {"test_seeds_low": val - 0.012, "test_seeds_high": val + 0.004} if len(seeds) > 1 else {}
    put_outcomes(folder, run, seeds, val)
    per_class = {n: {"precision": 0.7, "recall": 0.71, "f1": 0.72, "support": 1000} for n in CLASSES}
    detail: dict[str, Any] = {"images": {"val": 10, "test": 10}, "ids": {"val": "ab", "test": "cd"}}
    detail |= {
        "mean": scores | several | cost,
        "seeds": dict.fromkeys(keys, scores),
        "per_class": per_class,
        "alarms": {},
    }
    detail["sd"] = dict.fromkeys(scores, 0.002 if len(seeds) > 1 else None)
    put(folder, f"metrics/detail/{run}.json", detail)
    environment: dict[str, Any] = {"processor": "Abacus", "torch": "2.15", "device": "cpu", "threads": 2}
    environment |= {"commit": f"c0ffee-{run}"}
    speed = {"latency_ms": latency, "batch_images_per_second": 900 / latency, "environment": environment}
    put(folder, f"metrics/latency/{run}.json", speed)
    training: dict[str, Any] = {"epochs": 10, "seconds": 91.0, "seconds_per_epoch": 9.1}
    training |= {"images_per_second": 4400.0, "device": "cpu", "precision": "bf16"}
    training["seeds"] = {key: {"environment": environment} for key in keys}
    put(folder, f"metrics/training/{run}.json", training)
    curves = [learn(seed - seeds[0], val, autoencoder) for seed in seeds]
    lines = [f"{seed},{line}" for seed, curve in zip(seeds, curves, strict=True) for line in curve]
    quantity = "psnr" if autoencoder else "accuracy"
    head = f"seed,phase,epoch,lr,train_loss,train_{quantity},val_loss,val_{quantity},best"
    put(folder, f"plots/curves/{run}.csv", "\n".join([head, *lines]) + "\n")
    cells = [
        f"{a},{p},{700 if a == p else i * j % 61}"
        for i, a in enumerate(CLASSES)
        for j, p in enumerate(CLASSES)
    ]
    put(folder, f"plots/confusion/{run}.csv", "\n".join(["actual,predicted,count", *cells]) + "\n")
    for name in ("reconstructions", "latent", "filters") if autoencoder else ("predictions",):
        put_picture(folder / f"plots/pictures/{run}/{name}.png")


def put_outcomes(folder: Path, run: str, seeds: list[int], val: float, ids: str = "cd") -> None:
    """What each seed made of each test image: the share `val` right, or errors of the mean `val`.

    The same images are hard for all runs, and a little of it is chance.
    """
    hard = torch.rand(IMAGES, generator=torch.Generator().manual_seed(0))
    noise = torch.rand(len(seeds), IMAGES, generator=torch.Generator().manual_seed(len(run)))
    mixed = 0.9 * hard + 0.1 * noise
    values = 2 * val * mixed if run in AUTOENCODERS else mixed.argsort(1).argsort(1) < round(val * IMAGES)
    write_outcomes(seeds, ids, values, folder / f"metrics/outcomes/{run}.safetensors")


def learn(seed: int, val: float, autoencoder: bool) -> list[str]:
    """Lines of plots/curves after the seed; a later seed stops an epoch earlier."""
    lines = []
    for epoch in range(1, 11 - seed):
        reached = val - 0.4 * math.exp(-epoch / 3) + 0.004 * seed
        loss = val * (1 + 9 * math.exp(-epoch / 2)) if autoencoder else 1.7 - reached
        score = -10 * math.log10(loss) if autoencoder else reached
        lines.append(f"all,{epoch},0.1,{loss * 0.95},{score + 0.02},{loss},{score},0")
    return lines


def put_picture(path: Path) -> None:
    """A small picture, in a colour of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    color = zlib.crc32("/".join(path.parts[-2:]).encode()) & 0xFFFFFF
    Image.new("RGB", (64, 48), f"#{color:06x}").save(path)


def make_project(folder: Path) -> None:
    """A folder in which every stage before compare has run."""
    declared = {run: (row, seeds) for run, (row, seeds, _, _) in RUNS.items()}
    (folder / "params.yaml").write_text(declare(declared, WAITING))
    for name in ("digits", "removed"):
        put_picture(folder / f"plots/samples/{name}.png")
    put(
        folder,
        "metrics/duplicates/digits.json",
        {"images": IMAGES, "ids": "cd", "exact": [7], "near": [1, 4]},
    )
    for run, (_, seeds, val, latency) in RUNS.items():
        make_results(folder, run, seeds, val, latency)


def compare(folder: Path, monkeypatch: pytest.MonkeyPatch, *, drawn: bool = False) -> list[dict[str, str]]:
    """Do what the stage does in `folder`, and return the rows of metrics/comparison.csv.

    The page and the pictures take most of the stage's time, and are made where a test looks at them.
    """
    monkeypatch.chdir(folder)
    found = compare_runs(resolve_comparison(check_data(json.loads(Path("params.yaml").read_text()))))
    if drawn:
        write_comparison(found)
    else:
        write_tables(found)
        write_curves(found)
    print_comparison(found)
    return read_csv(folder / "metrics/comparison.csv")


def run_stage(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a stage of the comparison in `folder` and in this process."""
    monkeypatch.chdir(folder)
    runpy.run_path(str(ROOT / f"stages/{name}.py"))["main"]()


def make_compared(folder: Path) -> None:
    """A project after compare and report, and in the file `said` what compare has printed."""
    make_project(folder)
    resolve(folder, "compare")
    with pytest.MonkeyPatch.context() as patch:
        with redirect_stdout(StringIO()) as said:
            run_stage(folder, "compare", patch)
        run_stage(folder, "report", patch)
    (folder / "said").write_text(said.getvalue())


def read_csv(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
