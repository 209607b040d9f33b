"""Fetch a dataset, check every byte and bring its records into canonical order.

In: the dataset's entry in params.yaml; LINEUP_MIRROR, if set, is asked before the official page.
Out: data/raw/<dataset>.safetensors.
"""

from pathlib import Path

from lineup.config.params import load, pick
from lineup.console import stage
from lineup.sources.registry import save


def main(dataset: str) -> None:
    """Download the dataset of that name."""
    save(pick(load().datasets, dataset, "datasets").source, Path(f"data/raw/{dataset}.safetensors"))


if __name__ == "__main__":
    stage(main)
