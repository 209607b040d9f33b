"""What is printed."""

from collections.abc import Mapping

from rich.table import Table

from bench.job import BATCH
from bench.report import Result
from bench.roles import PEAK_CHANNELS
from bench.rounds import GOALS


def describe_conditions(environment: Mapping[str, str | int]) -> str:
    """What a reader must know beside the tables."""
    return (
        f"Batch {BATCH}; images: {environment['images']}; the peak is that of a 3x3 convolution, "
        f"{PEAK_CHANNELS} to {PEAK_CHANNELS} channels; {environment['device']}, {environment['processor']}, "
        f"threads: {environment['threads']}."
    )


def tabulate(name: str, result: Result) -> Table:
    """A row a role, then a row a ratio within the rounds and its goal; misses are red."""
    table = Table(name, f"{result.unit}: median (smallest to largest)", "goal", caption=count_rounds(result))
    for role, speed in result.speeds.items():
        table.add_row(role, str(speed))
    table.add_section()
    for ratio, spread in result.ratios.items():
        colour = "green" if spread.median >= GOALS[ratio] else "red"
        table.add_row(ratio.replace("/", " / "), f"[{colour}]{spread}[/]", f"≥ {GOALS[ratio]}")
    return table


def count_rounds(result: Result) -> str:
    """How many rounds the figures are of, and in how many of them other processes computed too."""
    if result.disturbed_rounds is None:
        return f"rounds: {result.rounds}; this system does not tell whether others disturbed them"
    return f"rounds: {result.rounds}, of which other processes disturbed {result.disturbed_rounds}"
