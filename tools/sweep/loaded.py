"""The files of all modules that trainings load: `python -m sweep.loaded`, a process of its own.

In: on stdin a JSON list of [family, task, recipe], one a training. Out: on stdout a JSON list of paths,
relative to the working folder. The process that runs a sweep has loaded others too, so it cannot tell.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lineup.data.pack
import lineup.runtime  # noqa: F401  # with the module above: what stages/train.py itself imports
from lineup.console import stage
from lineup.training.fingerprint import is_neutral
from lineup.training.seeds import load_modules


def main() -> None:
    """Load what the trainings would, and print where it stands."""
    for training in json.load(sys.stdin):
        load(*training)
    print(json.dumps(list_files()))


def load(family: str, task: str, recipe: Mapping[str, Any]) -> None:
    """Load what a training of that kind does."""
    # As if there were initial weights, whether or not: one module too many is no harm.
    load_modules(family, task, recipe, Path("weights"))


def list_files() -> list[str]:
    """The files of all modules that are loaded and can change a result, relative to the working folder."""
    names = [name for name in sys.modules if name.startswith("lineup.") and not is_neutral(name)]
    files = [Path(file) for name in names if (file := sys.modules[name].__file__)]
    here = Path.cwd().resolve()
    return sorted(str(file.resolve().relative_to(here)) for file in files)


if __name__ == "__main__":
    stage(main)
