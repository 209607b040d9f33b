"""Fetch a dataset, check every byte, bring it into canonical order: `python stages/download.py DATASET`.

In: resolved/download/DATASET.json, and the folder of images that it may name; LINEUP_MIRROR, if set, is asked
before the official page.
Out: data/raw/DATASET.safetensors.
"""

from importlib import import_module
from pathlib import Path

from lineup.components import name_source
from lineup.console import stage
from lineup.resolved import read_resolved


def main(dataset: str) -> None:
    """Download the dataset of that name."""
    settings = read_resolved(f"download/{dataset}", "download").settings
    options = {key: value for key, value in settings.items() if key != "source"}
    import_module(name_source(settings["source"])).save(Path(f"data/raw/{dataset}.safetensors"), **options)


if __name__ == "__main__":
    stage(main)
