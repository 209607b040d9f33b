"""Weights that another run of this pipeline has produced."""

import json
from pathlib import Path
from typing import Any

from lineup.errors import LineupError
from lineup.weights.record import Initial, Record, read_tensors

LICENCE = "that of this repository"


def fetch(*, needs: str, seed: int) -> Initial:
    """Read the weights of one seed from the run's folder `needs`. Raises LineupError."""
    folder = Path(needs)
    fix = f"run `dvc repro train@{folder.name}`"
    tensors = read_tensors(folder / f"seed-{seed}.safetensors", fix)
    facts = _read_facts(folder / "model.json", fix)
    architecture = facts["spec"].get("arch", facts["family"])
    origin: dict[str, str | int] = {"run": folder.name, "seed": seed}
    return Initial(
        tensors, Record("run", architecture, tuple(facts["mean"]), tuple(facts["std"]), LICENCE, origin)
    )


def _read_facts(path: Path, fix: str) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LineupError(str(path), f"not readable ({error})", "facts of a trained run", fix) from error
    return facts
