"""weights: an entry of `weights` in params.yaml -> data/weights/<name>.safetensors, where training starts.

Source none gives a file without tensors: training then starts from the seed's own random weights.
"""

from pathlib import Path

from safetensors.torch import save_file

from lineup.config.params import load
from lineup.console import stage
from lineup.files import write_atomic


def main(name: str) -> None:
    """Write the initial weights called `name`."""
    load()
    write_atomic(Path(f"data/weights/{name}.safetensors"), lambda temporary: save_file({}, temporary))


if __name__ == "__main__":
    stage(main)
