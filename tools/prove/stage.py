"""Running one stage of a side in a forked process that has the libraries loaded, and nothing of lineup."""

import os
import runpy
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

# What stages import of other people's: loading it takes longer than most of what is proven.
LIBRARIES = [
    *("timm", "torchvision.models", "torch._dynamo", "pydantic", "ruamel.yaml", "safetensors.torch"),
    *("torchmetrics.functional.image", "torchmetrics.functional.classification", "sklearn.linear_model"),
    *("sklearn.manifold", "sklearn.metrics", "sklearn.datasets", "scipy.stats", "scipy.optimize"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "PIL.Image", "rich.console"),
]


# What only measures time, in both codes.
SHORTENED = {"lineup.evaluation.cost": {"WARM_UP": 0, "REPEATS": 1}}


def run_stage(folder: Path, log: Path, script: str, words: list[str]) -> None:
    """Run `python stages/SCRIPT.py WORDS` in `folder`, with the library that lies there."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(folder)
    sys.path[:] = [str(folder / "src"), *(path for path in sys.path if not (Path(path) / "lineup").is_dir())]
    sys.argv = [f"stages/{script}.py", *words]
    for name, values in SHORTENED.items():
        if script == "evaluate" and find_spec(name):
            vars(import_module(name)).update(values)
    runpy.run_path(sys.argv[0], run_name="__main__")
