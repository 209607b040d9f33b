"""Refuse a wrong params.yaml before anything runs.

In: params.yaml. Out: data/params.valid, always the same text, so that what follows is rerun only when
entries of its own have changed.
"""

from pathlib import Path

from lineup.config.params import check_architectures, load
from lineup.console import stage
from lineup.files import write_text


def main() -> None:
    """Check every entry, the names of timm's models too."""
    check_architectures(load())
    write_text(Path("data/params.valid"), "params.yaml is valid\n")


if __name__ == "__main__":
    stage(main)
