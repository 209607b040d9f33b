"""Measure how fast training is: `make bench`, or `python -m bench.run --help` with `tools` on the path."""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench.job import BATCH, Job, describe_images, find_view, load_pack
from bench.others import is_known
from bench.roles import PEAK_FLOPS, PEAKS, ROLES
from bench.rounds import Spread, measure, summarise
from bench.tables import show
from lineup import runtime
from lineup.config.params import load
from lineup.config.schema import Family, Params
from lineup.console import stage
from lineup.environment import describe_environment
from lineup.errors import LineupError, nearest
from lineup.files import write_text
from lineup.training.seeds import describe_model

# What is trained: the model of params.yaml, and the optimizer that its kind is usually trained with.
ADAM = {"optimizer": "adam", "lr": 0.001, "momentum": 0.9, "weight_decay": 0.0}
SGD = {"optimizer": "nesterov", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0005}
MODELS: dict[str, tuple[Family, dict[str, Any]]] = {"d3": ("cnn", ADAM), "resnet18": ("timm", SGD)}


def main(*words: str) -> None:
    """Measure what the command line asks for."""
    asked, params, threads = parse(words), load(), torch.get_num_threads()
    device = runtime.choose_device(params.runtime.device)
    models = {}
    for name in asked.models:
        done = measure(name, list_jobs(name, params, device, threads), asked.rounds, asked.seconds)
        models[name] = summarise(done, asked.rounds, "images_per_second", BATCH)
    peaks = [Job(role, device.type, threads, None, {}, {}) for role in PEAKS]
    done = measure("peak", peaks, asked.rounds, asked.seconds)
    report = {
        "images": describe_images(),
        "models": models,
        "peak": summarise(done, asked.rounds, "gflops", PEAK_FLOPS / 1e9),
        "others_checked": is_known(),
        "environment": describe_environment(device),
    }
    show(report)
    if asked.write:
        write_text(asked.write, json.dumps(report, indent=2, default=_plain) + "\n")


def _plain(spread: Spread) -> dict[str, float]:
    return {name: round(value, 4) for name, value in vars(spread).items()}


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options. Raises LineupError where a value makes no sense."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds of turns (7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a turn (3)")
    parser.add_argument("--models", nargs="+", default=list(MODELS), help=f"from {', '.join(MODELS)} (all)")
    parser.add_argument("--write", type=Path, metavar="PATH", help="where to write the figures as JSON")
    asked = parser.parse_args(words)
    for name in asked.models:
        if name not in MODELS:
            raise LineupError("--models", repr(name), f"one of {', '.join(MODELS)}", nearest(name, MODELS))
    for option in ("rounds", "seconds"):
        if not 0 < getattr(asked, option) < math.inf:
            found = str(getattr(asked, option))
            raise LineupError(f"--{option}", found, "a number above 0", "change it or leave it out")
    return asked


def list_jobs(name: str, params: Params, device: torch.device, threads: int) -> list[Job]:
    """The roles of the model `name`, all with so many threads.

    Raises LineupError if params.yaml does not have the model.
    """
    family, optimizer = MODELS[name]
    specs, view = params.models.get(family, {}), find_view()
    if name not in specs:
        fix = "add the model, or leave it out with --models"
        raise LineupError(f"params.yaml: models.{family}.{name}", "missing", "the model to measure", fix)
    facts = describe_model(
        load_pack(view),
        task="classification",
        family=family,
        spec=specs[name].model_dump(),
        recipe={"precision": "as the role asks", "threads": threads},
        channels_last=params.runtime.channels_last,
    )
    return [Job(role, device.type, threads, view, facts, optimizer) for role in ROLES]


if __name__ == "__main__":
    stage(main)
