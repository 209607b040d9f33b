"""Weights of a safetensors file that somebody has put there."""

from pathlib import Path

from lineup.weights.record import Initial, Record, read_tensors


def fetch(
    *, needs: str, architecture: str, mean: tuple[float, ...], std: tuple[float, ...], licence: str
) -> Initial:
    """Read the file `needs`; what cannot be read from it is told: see Record. Raises LineupError."""
    tensors = read_tensors(Path(needs), "convert it where you trust it")
    return Initial(
        tensors, Record("file", architecture, tuple(mean), tuple(std), licence, {"file": Path(needs).name})
    )
