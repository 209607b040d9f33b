"""A sweep of tiny runs, and rows as if its points had been run."""

from typing import Any

from pipeline import TINY

from lineup.config.files import Files, read_files
from sweep.plan import make_points
from sweep.results import FINISHED, Result, Row
from sweep.schema import Sweep

SWEEPS = """sweeps:
  small:
    run: dense
    best: highest val_accuracy
    grid:
      recipes.short.lr: [0.02, 0.00001]
      runs.dense.augment: [none]
searches:
  chosen:
    run: dense
    best: highest val_accuracy
    points: 3
    space:
      recipes.short.lr: {low: 0.001, high: 0.1, log: true}
      runs.dense.augment: [none]
waiting:
  soon:
    run: unborn
    best: lowest val_mse
    grid: {recipes.unborn.lr: [1.0]}
"""
FILES: Files = read_files(TINY)
# What train records of where it ran, as far as it is read.
CPU = {"device": "cpu", "processor": "Abacus", "torch": "2.15.0"}
TRAINING = {"seeds": {"0": {"environment": CPU}, "1": {"environment": CPU}}}
MACHINE = "Abacus, torch 2.15.0"


def small(**changes: Any) -> Sweep:
    made = {"run": "dense", "best": "highest val_accuracy", "grid": {"recipes.short.lr": [0.1, 0.2]}}
    return Sweep.model_validate({**made, **changes})


def make_rows(sweep: Sweep, figures: list[tuple[float, float] | None]) -> list[Row]:
    points = make_points("s", sweep, FILES)
    assert len(points) == len(figures)
    return [
        Row(
            point,
            f"id{point.number}",
            FINISHED,
            f"s-{point.number}",
            Result(f"s-{point.number}", *pair, MACHINE),
        )
        if pair
        else Row(point, f"id{point.number}", "failed", f"s-{point.number}", None)
        for point, pair in zip(points, figures, strict=True)
    ]
