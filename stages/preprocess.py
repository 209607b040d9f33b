"""Give a dataset the colour, size, split and normalisation of a view.

In: data/raw/<dataset>.safetensors and the view's entry in params.yaml.
Out: data/views/<view>/learn.safetensors (train and validation) and test.safetensors, and
plots/samples/<view>.png.
"""

from pathlib import Path

from lineup.config.params import load, pick
from lineup.console import stage
from lineup.data.pack import write_pack
from lineup.data.pictures import draw_classes
from lineup.data.records import read_records
from lineup.data.view import pack_view
from lineup.errors import LineupError


def main(view: str) -> None:
    """Prepare the view of that name."""
    entry = pick(load().views, view, "views")
    records = read_records(Path(f"data/raw/{entry.dataset}.safetensors"))
    try:
        learn, test = pack_view(records, **entry.model_dump(exclude={"dataset"}))
    except LineupError as error:
        raise LineupError(f"params.yaml: views.{view}", error.found, error.expected, error.fix) from error
    write_pack(learn, Path(f"data/views/{view}/learn.safetensors"))
    write_pack(test, Path(f"data/views/{view}/test.safetensors"))
    draw_classes(learn, Path(f"plots/samples/{view}.png"))


if __name__ == "__main__":
    stage(main)
