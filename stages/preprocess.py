"""Give a dataset the colour, size, split and normalisation of a view: `python stages/preprocess.py VIEW`.

In: data/raw/<dataset>.safetensors and resolved/preprocess/VIEW.json.
Out: data/views/VIEW/learn.safetensors (train and validation) and test.safetensors, plots/samples/VIEW.png.
"""

from pathlib import Path

from lineup.console import stage
from lineup.data.dataset import write_dataset
from lineup.data.pictures import plot_classes
from lineup.data.prepare import prepare
from lineup.data.raw import read_raw
from lineup.errors import LineupError
from lineup.resolved import read_resolved


def main(view: str) -> None:
    """Prepare the view of that name."""
    settings = read_resolved(f"preprocess/{view}", "preprocess").settings
    records = read_raw(Path(f"data/raw/{settings['dataset']}.safetensors"))
    try:
        learn, test = prepare(records, **{key: value for key, value in settings.items() if key != "dataset"})
    except LineupError as error:
        raise LineupError(f"views.{view}", error.found, error.expected, error.fix) from error
    write_dataset(learn, Path(f"data/views/{view}/learn.safetensors"))
    write_dataset(test, Path(f"data/views/{view}/test.safetensors"))
    plot_classes(learn, Path(f"plots/samples/{view}.png"))


if __name__ == "__main__":
    stage(main)
