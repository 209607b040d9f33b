"""Fetch a dataset, check every byte and bring its records into canonical order.

In: the dataset's entry in params.yaml, and the folder of images that it may name; LINEUP_MIRROR, if set, is
asked before the official page.
Out: data/raw/<dataset>.safetensors.
"""

from pathlib import Path

from lineup.config.params import load, pick
from lineup.console import stage
from lineup.sources import folder
from lineup.sources.registry import save


def main(dataset: str) -> None:
    """Download the dataset of that name."""
    entry, target = pick(load().datasets, dataset, "datasets"), Path(f"data/raw/{dataset}.safetensors")
    if entry.source == "folder":
        folder.save(Path(entry.needs), entry.size, target)
    else:
        save(entry.source, target)


if __name__ == "__main__":
    stage(main)
