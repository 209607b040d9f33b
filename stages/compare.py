"""Set all runs side by side: `python stages/compare.py`.

In: what train and evaluate left of every declared run in metrics and plots, the duplicates of each dataset,
and resolved/compare.json.
Out: metrics/comparison (csv, json, md), reproductions.csv, significance.csv and gains.csv in metrics,
plots/comparison (accuracy.png, cost.png, gains.png, learning curves of each task) and plots/report.html, the
report without pictures of runs.
"""

from lineup.comparison.run import compare_runs, print_comparison, write_comparison
from lineup.console import stage
from lineup.resolved import read_resolved
from lineup.settings.comparison import make_comparison


def main() -> None:
    """Compare, write and print."""
    compared = compare_runs(make_comparison(read_resolved("compare", "compare").settings))
    write_comparison(compared)
    print_comparison(compared)


if __name__ == "__main__":
    stage(main)
