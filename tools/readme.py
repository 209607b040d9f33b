"""Bring README.md's tables of results up to date: `python tools/readme.py`.

In: metrics/comparison (md, json) and metrics/training/. Out: README.md, between its markers.
"""

import json
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from pathlib import Path

from lineup.comparison import gains
from lineup.comparison.table import MEASURED, NOT_RUN
from lineup.comparison.texts import DECLARED
from lineup.console import stage
from lineup.environment import describe_machine
from lineup.errors import LineupError
from lineup.files import write_text

README, METRICS = Path("README.md"), Path("metrics")
# What stands between markers: what initial weights gained, where transfer is told of, and all the rest.
GAINS, COMPARISON = "gains", "comparison"
ALL_ROWS = (
    "What has no result yet, the reports' other rows and the runs that wait: "
    "[metrics/comparison.md](metrics/comparison.md)."
)


def main() -> None:
    """Rewrite the results in README.md."""
    write_text(README, show_results(README.read_text(encoding="utf-8"), METRICS))


def show_results(text: str, metrics: Path) -> str:
    """README's text with the results that lie in the folder `metrics`."""
    compared = metrics / "comparison.md"
    if not compared.exists():
        raise LineupError(str(compared), "not there", "the results to be shown", "run `dvc repro compare`")
    paragraphs = compared.read_text(encoding="utf-8").split("\n\n")
    tables = list_gains(paragraphs)
    rest = [part for part in paragraphs if part not in (gains.HEADING, *tables.values(), gains.NOTE)]
    gained = tables.values() if len(tables) == 1 else chain.from_iterable(tables.items())
    text = insert(text, GAINS, "\n\n".join([*gained, gains.NOTE] if tables else []))
    return insert(text, COMPARISON, describe_results(rest, metrics))


def list_gains(paragraphs: Sequence[str]) -> dict[str, str]:
    """The tables of gains in a comparison, each by the heading of what it is about."""
    heading, tables = "", {}
    for part, after in pairwise(paragraphs):
        if part.startswith("### "):
            heading = f"#{part}"
        if part == gains.HEADING:
            tables[heading] = after
    return tables


def insert(text: str, name: str, results: str) -> str:
    """README's text with `results` between the markers of `name`. Raises LineupError if one is missing."""
    first = f"<!-- {name}: `make readme` copies this from metrics/comparison.md -->\n"
    last = f"<!-- end of {name} -->"
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        raise LineupError(str(README), "a marker is missing", f"{first.strip()} and {last}", "put it back")
    return f"{before}{begin}\n{results}\n{end}{after}"


def describe_results(paragraphs: Iterable[str], metrics: Path) -> str:
    """The comparison, less what has no result, and the machines on which its runs were trained."""
    table = json.loads((metrics / "comparison.json").read_text(encoding="utf-8"))
    records = [
        json.loads((metrics / f"training/{row['run']}.json").read_text(encoding="utf-8"))
        for row in table
        if row["status"] == MEASURED
    ]
    machines = sorted(
        {describe_machine(seed["environment"]) for record in records for seed in record["seeds"].values()}
    )
    lines = "\n\n".join(part for part in paragraphs if not part.startswith(DECLARED)).splitlines()
    shown = "\n".join(line for line in lines if f"| {NOT_RUN} |" not in line).strip()
    left_out = [ALL_ROWS] if any(row["status"] == NOT_RUN for row in table) else []
    return "\n\n".join([shown, *left_out, f"Trained on: {'; '.join(machines)}."])


if __name__ == "__main__":
    stage(main)
