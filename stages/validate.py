"""Refuse parameters that no network could be built or trained with, before anything runs.

In: resolved/validate.json. Out: data/params.valid, always the same text, so that
what follows is rerun only when entries of its own have changed.
"""

import sys
from pathlib import Path

from lineup.config.files import Files
from lineup.config.params import check, check_architectures
from lineup.console import stage
from lineup.files import write_text
from lineup.resolved import read_resolved
from lineup.validation import find_slow_runs, validate


def main() -> None:
    """Check the names that timm knows, each network, and what weights want of images."""
    files = Files.load(read_resolved("validate", "validate").settings)
    params = check(files)
    check_architectures(params, files.locate)
    validate(params, files.locate)
    write_text(Path("data/params.valid"), "params.yaml is valid\n")
    for warning in find_slow_runs(params):
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    stage(main)
