"""Bring README.md's table of results up to date: `python tools/readme.py`.

In: metrics/comparison.md and metrics/training/. Out: README.md, between its two markers.
"""

import json
from pathlib import Path

from lineup.comparison.table import NOT_RUN
from lineup.comparison.texts import DECLARED
from lineup.console import stage
from lineup.environment import describe_machine
from lineup.errors import LineupError
from lineup.files import write_text

README = Path("README.md")
BEGIN = "<!-- comparison: `make readme` copies metrics/comparison.md here -->\n"
END = "<!-- end of comparison -->"
ALL_ROWS = (
    "What has no result yet, the reports' other rows and the runs that wait: "
    "[metrics/comparison.md](metrics/comparison.md)."
)


def main() -> None:
    """Rewrite the results in README.md."""
    write_text(README, insert(README.read_text(encoding="utf-8"), describe_results(Path("metrics"))))


def insert(text: str, results: str) -> str:
    """README's text with `results` between its markers. Raises LineupError if a marker is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise LineupError(str(README), "a marker is missing", f"{BEGIN.strip()} and {END}", "put it back")
    return f"{before}{begin}\n{results}\n{end}{after}"


def describe_results(metrics: Path) -> str:
    """The comparison, less what has no result, and the machines on which its runs were trained."""
    records = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(metrics.glob("training/*.json"))
    ]
    machines = sorted(
        {describe_machine(seed["environment"]) for record in records for seed in record["seeds"].values()}
    )
    text = (metrics / "comparison.md").read_text(encoding="utf-8")
    paragraphs = (part for part in text.split("\n\n") if not part.startswith(DECLARED))
    lines = "\n\n".join(paragraphs).splitlines()
    table = "\n".join(line for line in lines if f"| {NOT_RUN} |" not in line).strip()
    return f"{table}\n\n{ALL_ROWS}\n\nTrained on: {'; '.join(machines)}."


if __name__ == "__main__":
    stage(main)
