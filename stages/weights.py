"""weights: an entry of `weights` in params.yaml -> data/weights/<name>.safetensors, where training starts.

In: what the entry needs: nothing, a file, or the models of another run. Out: also <name>.json, the record of
source, architecture, normalisation, licence and checksum. Source none gives a file without tensors: training
then starts from the seed's own random weights. Only here may weights come over the network.
"""

from importlib import import_module
from pathlib import Path

from lineup.config.params import load, pick
from lineup.console import stage
from lineup.weights.record import write_initial


def main(name: str) -> None:
    """Write the initial weights called `name`."""
    entry = pick(load().weights, name, "weights")
    source = import_module(f"lineup.weights.{entry.source}")
    write_initial(
        source.fetch(**entry.model_dump(exclude={"source"})), Path(f"data/weights/{name}.safetensors")
    )


if __name__ == "__main__":
    stage(main)
