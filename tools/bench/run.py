"""Measure how fast training is: `make bench`, or `python -m bench.run --help` with `tools` on the path."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich import print as show

from bench.job import ADAM, BATCH, SGD, Job, Optimizer, describe_images, find_view, load_images
from bench.report import resume
from bench.roles import PEAK_FLOPS, PEAKS, ROLES
from bench.rounds import measure, summarise
from bench.tables import describe_conditions, tabulate
from lineup import runtime
from lineup.config.params import load
from lineup.config.schema import Family, Params
from lineup.console import stage
from lineup.environment import describe_environment
from lineup.errors import LineupError, nearest
from lineup.models.record import ModelRecord

# What is trained: the model of params.yaml, and the optimizer that its kind is usually trained with.
MODELS: dict[str, tuple[Family, Optimizer]] = {"d3": ("cnn", ADAM), "resnet18": ("timm", SGD)}
PEAK = "peak"
NAMES = (*MODELS, PEAK)

# For all rounds together, however slow or disturbed. With the start and the end, a model and the peak stay
# within ten minutes.
PEAK_SECONDS, MODEL_SECONDS = 75.0, 420.0


@dataclass(frozen=True)
class Benchmark:
    """The roles that are compared, what a step of them counts in which unit, and the seconds they have."""

    jobs: Sequence[Job]
    unit: str
    scale: float
    limit: float


def main(*words: str) -> None:
    """Measure what the command line asks for, and print and write each result as it comes."""
    asked, params = parse(words), load()
    device = runtime.choose_device(params.runtime.device)
    environment = {"images": describe_images(), **describe_environment(device)}
    report = resume(asked.write, environment)
    wanted = {*asked.models} | ({PEAK} - {*report.results})  # the peak depends on no model: once is enough
    # All are prepared first: what is missing must not come out after minutes.
    benchmarks = {name: prepare(name, params, device) for name in NAMES if name in wanted}
    print(describe_conditions(environment), flush=True)
    for name, each in benchmarks.items():
        done = measure(name, each.jobs, asked.rounds, asked.seconds, each.limit)
        report.results[name] = summarise(done, asked.rounds, each.unit, each.scale)
        if asked.write:
            report.write(asked.write)
        show(tabulate(name, report.results[name]), flush=True)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options. Raises LineupError where a value makes no sense."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of turns (7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a turn (3)")
    parser.add_argument("--models", nargs="+", default=NAMES, help=f"from {', '.join(NAMES)} (all)")
    parser.add_argument("--write", type=Path, metavar="PATH", help="the JSON file to which results are added")
    asked = parser.parse_args(words)
    for name in asked.models:
        if name not in NAMES:
            raise LineupError("--models", repr(name), f"one of {', '.join(NAMES)}", nearest(name, NAMES))
    for option in ("rounds", "seconds"):
        if not 0 < getattr(asked, option) < math.inf:
            found = str(getattr(asked, option))
            raise LineupError(f"--{option}", found, "a number above 0", "change it or leave it out")
    return asked


def prepare(name: str, params: Params, device: torch.device) -> Benchmark:
    """The benchmark called `name`, all of whose roles have as many threads as torch has here."""
    threads = torch.get_num_threads()
    if name == PEAK:
        peaks = [Job(role, device.type, threads) for role in PEAKS]
        return Benchmark(peaks, "GFLOP/s", PEAK_FLOPS / 1e9, PEAK_SECONDS)
    view, optimizer = find_view(), MODELS[name][1]
    record = describe(name, params, view, threads)
    jobs = [Job(role, device.type, threads, view, record, optimizer) for role in ROLES]
    return Benchmark(jobs, "images/s", BATCH, MODEL_SECONDS)


def describe(name: str, params: Params, view: Path | None, threads: int) -> ModelRecord:
    """The model `name` as in model.json. Raises LineupError if the parameters do not have it."""
    family = MODELS[name][0]
    specs = params.models.get(family, {})
    if name not in specs:
        fix = "add the model, or leave it out with --models"
        raise LineupError(f"params.yaml: models.{family}.{name}", "missing", "the model to measure", fix)
    dataset = load_images(view)
    return ModelRecord(
        task="classification",
        family=family,
        spec=specs[name].model_dump(),
        classes=dataset.classes,
        channels=dataset.images.shape[3],
        size=dataset.images.shape[1],
        mean=dataset.mean,
        std=dataset.std,
        precision="as the role asks",
        channels_last=params.runtime.channels_last,
        threads=threads,
        seeds=(),
    )


if __name__ == "__main__":
    stage(main)
