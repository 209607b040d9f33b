"""Score a trained run: `python stages/evaluate.py RUN`.

In: models/RUN, the two files of its view and resolved/runs/RUN.json; this is the only stage that opens test.
Out: metrics/runs, metrics/detail, metrics/latency (RUN.json), metrics/outcomes/RUN.safetensors,
plots/confusion/RUN.csv, plots/pictures/RUN and data/predictions/RUN.safetensors.
"""

from pathlib import Path

from lineup.console import stage
from lineup.evaluation.run import evaluate_run
from lineup.resolved import read_resolved
from lineup.settings.run import make_run


def main(name: str) -> None:
    """Evaluate the run called `name`."""
    run = make_run(read_resolved(f"runs/{name}", "evaluate").settings)
    evaluate_run(run, Path(f"models/{name}"), Path(f"data/views/{run.view}"))


if __name__ == "__main__":
    stage(main)
