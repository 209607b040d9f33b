"""What train and evaluate left of every declared run; nothing less will do."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineup.errors import LineupError
from lineup.evaluation.predictions import refuse_unaligned

FILES = {
    "metrics": "metrics/runs/{}.json",
    "detail": "metrics/detail/{}.json",
    "latency": "metrics/latency/{}.json",
    "training": "metrics/training/{}.json",
    "curves": "plots/curves/{}.csv",
    "confusion": "plots/confusion/{}.csv",
    "picture": "plots/predictions/{}.png",
}
READERS = {".json": lambda path: json.loads(path.read_text(encoding="utf-8")), ".png": Path.read_bytes}


@dataclass(frozen=True)
class Result:
    """One run's files as stages/train.py and stages/evaluate.py write them; `picture` is a PNG's bytes."""

    metrics: dict[str, Any]
    detail: dict[str, Any]
    latency: dict[str, Any]
    training: dict[str, Any]
    curves: list[dict[str, str]]
    confusion: list[dict[str, str]]
    picture: bytes


def read_results(runs: Mapping[str, tuple[str, list[int]]]) -> dict[str, Result]:
    """Read the results of `runs` {name: (dataset, seeds)} from the current folder.

    Raises LineupError, naming all that is wrong, if a file is missing or unreadable, if results were made
    with other seeds than declared, or if two runs of one dataset were tested on other images.
    """
    _refuse([problem for run in runs for problem in _find_missing(run)])
    results = {run: Result(**{kind: _read(kind, run) for kind in FILES}) for run in runs}
    _refuse(
        [
            problem
            for run, (_, seeds) in runs.items()
            for problem in _find_other_seeds(run, results[run], seeds)
        ]
    )
    for dataset in {dataset for dataset, _ in runs.values()}:
        same = [run for run, (other, _) in runs.items() if other == dataset]
        refuse_unaligned({run: results[run].detail["ids"]["test"] for run in same})
    return results


def _find_missing(run: str) -> Iterator[str]:
    for name in FILES.values():
        if not Path(name.format(run)).is_file():
            yield f"{run} has no {name.format(run)}"


def _find_other_seeds(run: str, result: Result, seeds: list[int]) -> Iterator[str]:
    declared = {str(seed) for seed in seeds}
    found = {
        "detail": set(result.detail["seeds"]),
        "training": set(result.training["seeds"]),
        "curves": {row["seed"] for row in result.curves},
    }
    for kind, present in found.items():
        if present != declared:
            yield f"{FILES[kind].format(run)} has seeds {_list(present)}, declared are {_list(declared)}"


def _read(kind: str, run: str) -> Any:
    path = Path(FILES[kind].format(run))
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        return READERS[path.suffix](path)
    except (OSError, ValueError) as error:
        raise LineupError(
            str(path), f"not readable ({error})", "results", f"run `dvc repro evaluate@{run}`"
        ) from error


def _refuse(problems: list[str]) -> None:
    if problems:
        raise LineupError(
            "results", "; ".join(problems), "results of every declared run and seed", "run `dvc repro`"
        )


def _list(seeds: set[str]) -> str:
    return " ".join(sorted(seeds, key=int)) or "none"
