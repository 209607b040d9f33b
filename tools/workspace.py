"""Lay out a workspace of the pipeline: `PYTHONPATH=src python tools/workspace.py FOLDER PARAMS`.

In: this repository's pipeline and code, and a file of parameters. Out: FOLDER, where `dvc repro` runs the
same stages on those parameters, with results and a cache of its own. Run again, it brings FOLDER up to date.
"""

import filecmp
import shutil
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from lineup.config.params import load
from lineup.config.schema import Params
from lineup.console import stage
from lineup.errors import LineupError
from lineup.files import write_text

ROOT = Path(__file__).resolve().parents[1]
FILES = (".dvcignore", "proofs/README.md")  # proofs themselves are of the runs of this repository
FOLDERS = (".dvc/plots", "src", "stages")
OWN = ("folder", "file")  # sources that read what somebody has put there
# What running leaves beside the code; the same names stand in .dvcignore.
LEFTOVERS = (
    *("__pycache__", "*.egg-info", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints"),
    *("*.swp", "*~"),
)


def main(folder: str, params: str) -> None:
    """Lay out `folder` around the parameters of the file `params`."""
    lay_out(Path(folder), Path(params))
    # DVC reads dvc.yaml first, and of a run without a key it would say that dvc.yaml is wrong.
    bring_needs(Path(folder), load(Path(params)))


def lay_out(folder: Path, params: Path) -> None:
    """Make `folder` a DVC project that holds the pipeline of this repository and `params` as params.yaml.

    Files that have not changed keep their times, and results stay, so that `dvc repro` finds what is done;
    files that are no longer in the repository go. Raises LineupError if `params` is not there.
    """
    if not params.is_file():
        raise LineupError(str(params), "not there", "a file of parameters", "name one like params.yaml")
    _refresh(params, folder / "params.yaml")
    for name in FILES:
        _refresh(ROOT / name, folder / name)
    _write_pipeline(folder / "dvc.yaml")
    for name in FOLDERS:
        _mirror(ROOT / name, folder / name)
    config = folder / ".dvc/config"
    if not config.exists():
        write_text(config, _configure())


def bring_needs(folder: Path, params: Params) -> None:
    """Bring `folder` the images and the weights of one's own that `params` names.

    Raises LineupError for those that are not there.
    """
    for section in ("datasets", "weights"):
        for name, entry in getattr(params, section).items():
            if entry.source in OWN:
                _bring(Path(entry.needs), folder, f"params.yaml: {section}.{name}.needs")


def _bring(path: Path, folder: Path, where: str) -> None:
    if (ROOT / path).is_dir():
        _mirror(ROOT / path, folder / path)
    elif (ROOT / path).is_file():
        _refresh(ROOT / path, folder / path)
    else:
        expected = "images or weights of yours"
        raise LineupError(where, f"{path}, which is not there", expected, "put it there, or correct it")


def _write_pipeline(path: Path) -> None:
    """Write the repository's dvc.yaml for one file of parameters: without the others that it names."""
    yaml, text = YAML(), StringIO()
    yaml.width = sys.maxsize
    pipeline = yaml.load(ROOT / "dvc.yaml")
    others = {Path(name).parts[0] for name in pipeline.pop("vars", [])}
    resolve = pipeline["stages"]["resolve"]
    resolve["deps"] = [dep for dep in resolve["deps"] if dep not in others]
    if "params" in pipeline:
        pipeline["params"] = [path for path in pipeline["params"] if Path(path).parts[0] not in others]
    yaml.dump(pipeline, text)
    if not path.exists() or path.read_text(encoding="utf-8") != text.getvalue():
        write_text(path, text.getvalue())


def _configure() -> str:
    """The repository's DVC settings for a project that has no git: what `dvc init --no-scm` makes of them."""
    config, text = ConfigParser(), StringIO()
    config.read(ROOT / ".dvc/config", encoding="utf-8")
    config["core"]["no_scm"] = "true"
    config.write(text)
    return text.getvalue()


def _mirror(source: Path, target: Path) -> None:
    """Make `target` hold the files of `source` and no others."""
    wanted = set(_list_files(source))
    for name in set(_list_files(target)) - wanted:
        (target / name).unlink()
    for name in wanted:
        _refresh(source / name, target / name)


def _list_files(folder: Path) -> Iterator[Path]:
    """The files below `folder` that are somebody's work, as paths relative to it."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        left = any(fnmatch(part, pattern) for part in name.parts for pattern in LEFTOVERS)
        if path.is_file() and not left:
            yield name


def _refresh(source: Path, target: Path) -> None:
    if target.is_file() and filecmp.cmp(source, target, shallow=False):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


if __name__ == "__main__":
    stage(main)
