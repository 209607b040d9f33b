"""Train every seed of a run: `python stages/train.py RUN`.

In: data/views/<view>/learn.safetensors (never test), data/weights/<weights>.safetensors, and
resolved/runs/RUN.json.
Out: models/RUN/, plots/curves/RUN.csv, metrics/training/RUN.json.
"""

from pathlib import Path

from lineup.console import stage
from lineup.resolved import read_resolved
from lineup.settings.run import make_run
from lineup.training.seeds import Inputs, Outputs, train_run


def main(name: str) -> None:
    """Train the run called `name`."""
    resolved = read_resolved(f"runs/{name}", "train")
    run = make_run(resolved.settings)
    inputs = Inputs(
        Path(f"data/views/{run.view}/learn.safetensors"), Path(f"data/weights/{run.weights}.safetensors")
    )
    outputs = Outputs(
        Path(f"models/{name}"), Path(f"plots/curves/{name}.csv"), Path(f"metrics/training/{name}.json")
    )
    train_run(run, resolved.identity["training"], inputs, outputs)


if __name__ == "__main__":
    stage(main)
