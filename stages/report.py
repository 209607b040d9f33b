"""Write the full report, with the pictures of every run: `python stages/report.py`.

In: what compare reads, plots/pictures and plots/samples, as far as they are here, and resolved/compare.json.
Out: plots/full_report.html.
"""

from pathlib import Path

from lineup.comparison.results import read_pictures
from lineup.comparison.run import compare_runs, write_report
from lineup.console import stage
from lineup.resolved import read_resolved
from lineup.settings.comparison import make_comparison


def main() -> None:
    """Compare once more, and write the page."""
    declared = make_comparison(read_resolved("compare", "report").settings)
    write_report(compare_runs(declared), read_pictures(declared), Path("plots/full_report.html"))


if __name__ == "__main__":
    stage(main)
