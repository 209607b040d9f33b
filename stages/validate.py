"""Refuse a wrong params.yaml before anything runs.

In: params.yaml and claims.csv. Out: data/params.valid, always the same text, so that what follows is rerun
only when entries of its own have changed.
"""

from pathlib import Path

from lineup.claims import read_claims, refuse_unknown_rows
from lineup.config.params import check_architectures, load
from lineup.console import stage
from lineup.files import write_text


def main() -> None:
    """Check every entry, the names of timm's models and the rows of reports too."""
    params = load()
    check_architectures(params)
    rows = {name: run.row for name, run in [*params.runs.items(), *params.waiting.items()]}
    refuse_unknown_rows(rows, read_claims(Path("claims.csv")))
    write_text(Path("data/params.valid"), "params.yaml is valid\n")


if __name__ == "__main__":
    stage(main)
