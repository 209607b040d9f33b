"""weights: an entry of `weights` in params.yaml -> data/weights/<name>.safetensors, where training starts.

Source none gives a file without tensors: training then starts from the seed's own random weights.
"""

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from lineup.config.params import load, pick
from lineup.console import stage
from lineup.files import write_bytes

# What each source gives: tensors by name.
SOURCES: dict[str, Callable[[], dict[str, Tensor]]] = {"none": dict}


def main(name: str) -> None:
    """Write the initial weights called `name`."""
    tensors = SOURCES[pick(load().weights, name, "weights").source]()
    write_bytes(Path(f"data/weights/{name}.safetensors"), save(tensors))


if __name__ == "__main__":
    stage(main)
