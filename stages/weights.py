"""Put initial weights under version control: `python stages/weights.py NAME`.

In: resolved/weights/NAME.json, and what it needs: nothing, a file, or the models of another run. Only here
may weights come over the network.
Out: data/weights/NAME.safetensors, where training starts, and NAME.json, the record of source, architecture,
normalisation, licence and checksum. Source none gives a file without tensors: training then starts from the
seed's own random weights.
"""

from importlib import import_module
from pathlib import Path

from lineup.components import name_weights
from lineup.console import stage
from lineup.resolved import read_resolved
from lineup.weights.record import write_initial


def main(name: str) -> None:
    """Write the initial weights called `name`."""
    settings = read_resolved(f"weights/{name}", "weights").settings
    options = {key: value for key, value in settings.items() if key != "source"}
    initial = import_module(name_weights(settings["source"])).fetch(**options)
    write_initial(initial, Path(f"data/weights/{name}.safetensors"))


if __name__ == "__main__":
    stage(main)
