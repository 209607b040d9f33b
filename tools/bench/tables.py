"""What is printed."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.job import BATCH
from bench.roles import PEAK_CHANNELS
from bench.rounds import GOALS


def tabulate_speeds(results: Mapping[str, Mapping[str, Any]], unit: str, title: str) -> Table:
    """A table with a row a role and a column a model."""
    table = Table("role", *results, title=title)
    for role in next(iter(results.values()))[unit]:
        table.add_row(role, *(str(result[unit][role]) for result in results.values()))
    return table


def tabulate_ratios(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """A table with a row a ratio, its goal, and a column a model; misses are red."""
    table = Table("ratio", "goal", *results, title="Ratios within a round: median (smallest to largest)")
    for (role, other), goal in GOALS.items():
        ratios = [result["ratios"][f"{role}/{other}"] for result in results.values()]
        cells = [f"[{'green' if each.median >= goal else 'red'}]{each}[/]" for each in ratios]
        table.add_row(f"{role} / {other}", f"≥ {goal}", *cells)
    return table


def describe_conditions(report: Mapping[str, Any]) -> str:
    """What a reader must know beside the tables."""
    results, environment = {**report["models"], "peak": report["peak"]}, report["environment"]
    others = ", ".join(
        f"{name} {result['disturbed_rounds']} of {result['rounds']}" for name, result in results.items()
    )
    return (
        f"Batch {BATCH}; images: {report['images']}; {environment['device']}, {environment['processor']}, "
        f"{environment['threads']} threads. Rounds that other processes "
        f"disturbed: {others if report['others_checked'] else 'not known on this system'}."
    )


def show(report: Mapping[str, Any]) -> None:
    """Print the tables."""
    console, unit = Console(), "images_per_second"
    title = "Training, images a second: median (smallest to largest)"
    console.print(tabulate_speeds(report["models"], unit, title))
    console.print(tabulate_ratios(report["models"]))
    title = f"Peak, GFLOP/s: a 3x3 convolution, {PEAK_CHANNELS} to {PEAK_CHANNELS} channels"
    console.print(tabulate_speeds({"": report["peak"]}, "gflops", title))
    console.print(describe_conditions(report))
