"""Bring the tables of results in README.md and docs/transfer.md up to date: `python tools/readme.py`.

In: metrics/comparison (md, json) and metrics/training/. Out: the two pages, between their markers.
"""

import json
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

from lineup.comparison import gains
from lineup.comparison.table import MEASURED, NOT_RUN
from lineup.comparison.texts import DECLARED
from lineup.console import stage
from lineup.environment import describe_machine
from lineup.errors import LineupError
from lineup.files import write_text

METRICS = Path("metrics")
BEGIN = "<!-- results: `make readme` copies this from metrics/comparison.md -->\n"
END = "<!-- end of results -->"
ALL_ROWS = (
    "What has no result yet, the reports' other rows and the runs that wait: "
    "[metrics/comparison.md](metrics/comparison.md)."
)


def main() -> None:
    """Rewrite the results in both pages."""
    for page, describe in PAGES.items():
        results = describe(METRICS)
        write_text(page, show_results(page.read_text(encoding="utf-8"), results, page))


def show_results(text: str, results: str, page: Path) -> str:
    """The text of a page with `results` between its markers. Raises LineupError if one is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise LineupError(str(page), "a marker is missing", f"{BEGIN.strip()} and {END}", "put it back")
    return f"{before}{begin}\n{results}\n{end}{after}"


def describe_comparison(metrics: Path) -> str:
    """The comparison in the folder `metrics`, and the machines on which its runs were trained.

    It leaves out what has no result, and gains, of which another page tells.
    """
    paragraphs = read_comparison(metrics)
    elsewhere = (gains.HEADING, *list_gains(paragraphs).values(), gains.NOTE)
    kept = [part for part in paragraphs if part not in elsewhere and not part.startswith(DECLARED)]
    shown = [line for line in "\n\n".join(kept).splitlines() if f"| {NOT_RUN} |" not in line]
    table = json.loads((metrics / "comparison.json").read_text(encoding="utf-8"))
    left_out = [ALL_ROWS] if any(row["status"] == NOT_RUN for row in table) else []
    machines = list_machines([row["run"] for row in table if row["status"] == MEASURED], metrics)
    return "\n\n".join(["\n".join(shown).strip(), *left_out, f"Trained on: {'; '.join(machines)}."])


def describe_gains(metrics: Path) -> str:
    """What initial weights gained: a table a task and dataset, each with its heading if there are several."""
    tables = list_gains(read_comparison(metrics))
    shown = tables.values() if len(tables) == 1 else chain.from_iterable(tables.items())
    return "\n\n".join([*shown, gains.NOTE] if tables else [])


def read_comparison(metrics: Path) -> list[str]:
    """The paragraphs of the comparison. Raises LineupError if there is none."""
    compared = metrics / "comparison.md"
    if not compared.exists():
        raise LineupError(str(compared), "not there", "the results to be shown", "run `dvc repro compare`")
    return compared.read_text(encoding="utf-8").split("\n\n")


def list_gains(paragraphs: Sequence[str]) -> dict[str, str]:
    """The tables of gains in a comparison, each by the heading of what it is about."""
    heading, tables = "", {}
    for part, after in pairwise(paragraphs):
        if part.startswith("### "):
            heading = f"#{part}"
        if part == gains.HEADING:
            tables[heading] = after
    return tables


def list_machines(runs: Sequence[str], metrics: Path) -> list[str]:
    """The machines on which seeds of `runs` were trained, each once."""
    records = [json.loads((metrics / f"training/{run}.json").read_text(encoding="utf-8")) for run in runs]
    seeds = chain.from_iterable(record["seeds"].values() for record in records)
    return sorted({describe_machine(seed["environment"]) for seed in seeds})


PAGES = {Path("README.md"): describe_comparison, Path("docs/transfer.md"): describe_gains}


if __name__ == "__main__":
    stage(main)
