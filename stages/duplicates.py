"""Find test images that train has as well: `python stages/duplicates.py DATASET`.

In: data/raw/DATASET.safetensors and resolved/duplicates/DATASET.json.
Out: metrics/duplicates/DATASET.json, which compare alone reads.
"""

import json
from pathlib import Path

from lineup.console import stage
from lineup.data.prepare import identify
from lineup.data.raw import read_raw
from lineup.duplicates import find_duplicates
from lineup.evaluation.predictions import digest_ids
from lineup.files import write_text
from lineup.resolved import read_resolved


def main(dataset: str) -> None:
    """Write the places of the test images of `dataset` that are in train too, or nearly."""
    read_resolved(f"duplicates/{dataset}", "duplicates")
    records = read_raw(Path(f"data/raw/{dataset}.safetensors"))
    found = find_duplicates(records)
    facts = {
        "images": len(records.test_images),
        "ids": digest_ids(identify(records.test_images)),
        "exact": found.exact.tolist(),
        "near": None if found.near is None else found.near.tolist(),
    }
    write_text(Path(f"metrics/duplicates/{dataset}.json"), json.dumps(facts) + "\n")


if __name__ == "__main__":
    stage(main)
