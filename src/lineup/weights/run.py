"""Weights that another run of this pipeline has produced."""

from pathlib import Path

from lineup.models.record import name_weights, read_record
from lineup.weights.record import Initial, Record, read_tensors

LICENCE = "that of this repository"


def fetch(*, needs: str, seed: int) -> Initial:
    """Read the weights of one seed from the run's folder `needs`. Raises LineupError."""
    folder = Path(needs)
    tensors = read_tensors(name_weights(folder, seed), f"run `dvc repro train@{folder.name}`")
    model = read_record(folder)
    architecture = str(model.spec.get("arch", model.family))
    origin: dict[str, str | int] = {"run": folder.name, "seed": seed}
    return Initial(tensors, Record("run", architecture, model.mean, model.std, LICENCE, origin))
