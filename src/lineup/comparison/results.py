"""What train and evaluate left of every declared run; nothing less will do."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineup.errors import LineupError
from lineup.evaluation.outcomes import Outcomes, read_outcomes
from lineup.evaluation.predictions import refuse_unaligned
from lineup.settings.comparison import Comparison, Entry

FILES = {
    "detail": "metrics/detail/{}.json",
    "latency": "metrics/latency/{}.json",
    "training": "metrics/training/{}.json",
    "outcomes": "metrics/outcomes/{}.safetensors",
    "curves": "plots/curves/{}.csv",
    "confusion": "plots/confusion/{}.csv",
}
PICTURES, SAMPLES = "plots/pictures/{}", "plots/samples"
PROBLEMS_NAMED = 3


@dataclass(frozen=True)
class Result:
    """One run's files as train and evaluate write them, but for its pictures."""

    detail: dict[str, Any]
    latency: dict[str, Any]
    training: dict[str, Any]
    outcomes: Outcomes
    curves: list[dict[str, str]]
    confusion: list[dict[str, str]]

    @property
    def metrics(self) -> dict[str, Any]:
        """Means over seeds, and what follows from them."""
        mean: dict[str, Any] = self.detail["mean"]
        return mean


def read_results(runs: Mapping[str, Entry]) -> dict[str, Result]:
    """Read the results of the declared `runs` from the current folder.

    Raises LineupError if a file is missing or unreadable, if results were made with other seeds than
    declared, or if two runs of one dataset were tested on other images.
    """
    _refuse([problem for run in runs for problem in _find_missing(run)])
    results = {run: Result(**{kind: _read(kind, run) for kind in FILES}) for run in runs}
    _refuse(
        [
            problem
            for run, entry in runs.items()
            for problem in _find_other_seeds(run, results[run], entry.seeds)
        ]
    )
    for dataset in {entry.dataset for entry in runs.values()}:
        same = [run for run, entry in runs.items() if entry.dataset == dataset]
        refuse_unaligned({run: results[run].outcomes.ids for run in same})
    return results


@dataclass(frozen=True)
class Pictures:
    """PNGs as they are: of each run {run: {name: bytes}}, and of the images of each view {view: bytes}."""

    runs: Mapping[str, Mapping[str, bytes]]
    samples: Mapping[str, bytes]


def read_pictures(declared: Comparison) -> Pictures:
    """The pictures of the declared runs and views, as far as they are here: git does not keep them."""
    runs = {run: _read_folder(Path(PICTURES.format(run))) for run in declared.runs}
    samples = _read_folder(Path(SAMPLES))
    return Pictures(
        {run: pictures for run, pictures in runs.items() if pictures},
        {view: samples[view] for view in declared.views if view in samples},
    )


def _read_folder(folder: Path) -> dict[str, bytes]:
    """The PNGs of a folder by their names without ending, in order."""
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def _find_missing(run: str) -> Iterator[str]:
    for name in FILES.values():
        if not Path(name.format(run)).exists():
            yield f"{run} has no {name.format(run)}"


def _find_other_seeds(run: str, result: Result, seeds: Sequence[int]) -> Iterator[str]:
    declared = {str(seed) for seed in seeds}
    found = {
        "detail": set(result.detail["seeds"]),
        "training": set(result.training["seeds"]),
        "outcomes": set(map(str, result.outcomes.seeds)),
        "curves": {row["seed"] for row in result.curves},
    }
    for kind, present in found.items():
        if present != declared:
            yield f"{FILES[kind].format(run)} has seeds {_list(present)}, declared are {_list(declared)}"


def _read(kind: str, run: str) -> Any:
    path = Path(FILES[kind].format(run))
    try:
        match path.suffix:
            case ".json":
                return json.loads(path.read_text(encoding="utf-8"))
            case ".csv":
                with path.open(encoding="utf-8", newline="") as file:
                    return list(csv.DictReader(file))
            case _:
                return read_outcomes(path)
    except (OSError, ValueError) as error:
        raise LineupError(
            str(path), f"not readable ({error})", "results", f"run `dvc repro evaluate@{run}`"
        ) from error


def _refuse(problems: list[str]) -> None:
    if problems:
        more = len(problems) - PROBLEMS_NAMED
        named = "; ".join([*problems[:PROBLEMS_NAMED], *([f"and {more} more"] if more > 0 else [])])
        raise LineupError("results", named, "results of every declared run and seed", "run `dvc repro`")


def _list(seeds: set[str]) -> str:
    return " ".join(sorted(seeds, key=int)) or "none"
