"""One side of a proof: a commit laid out in a folder, with shortened recipes, and its stages run there."""

import io
import shutil
import tarfile
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ask_git import ask_git, read_git
from lineup.errors import LineupError
from prove.extract import extract
from prove.stage import LIBRARIES, run_stage

# What is left of a recipe: epochs of each phase, images of a batch, and steps of an epoch, the last with half
# a batch.
EPOCHS, BATCH, STEPS = 2, 8, 2
LIMITS = {"epochs": EPOCHS, "batch_size": BATCH}
# What a commit needs to run its stages; older ones have other files.
NEEDED = (
    *("src", "stages", "params.yaml", "dvc.yaml", "proofs", "reports", "transfer.yaml"),
    *("claims.csv", "protocols.yaml"),
)


class Side:
    """The commit `commit` in `folder`."""

    def __init__(self, commit: str, folder: Path, precision: str) -> None:
        self.commit, self.folder = commit, folder
        self.limits = {**LIMITS, **({"precision": precision} if precision else {})}
        self.log = folder.with_suffix(".log")
        self.processes = get_context("forkserver")
        self.processes.set_forkserver_preload(LIBRARIES)

    def lay_out(self) -> None:
        """Write the files of the commit, shorten its recipes, and let it resolve its parameters."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        there = set(ask_git("ls-tree", "--name-only", self.commit).split())
        archive = read_git("archive", self.commit, *(name for name in NEEDED if name in there))
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(self.folder, filter="data")
        for path in (
            self.folder / "params.yaml",
            *self.folder.glob("reports/*"),
            self.folder / "transfer.yaml",
        ):
            if path.exists():
                _shorten_file(path, self.limits)
        if (self.folder / "stages/resolve.py").exists() and (failed := self.run("resolve")):
            fix = f"see {self.log}"
            raise LineupError("resolve", failed, "parameters that both commits accept", fix)

    def bring_images(self, source: Path, view: str) -> None:
        """Bring some images of the view in `source`, for STEPS steps of training."""
        extract(source / view, self.folder / "data/views" / view, BATCH * (STEPS - 1) + BATCH // 2)

    def bring(self, path: Path) -> None:
        """Bring a file or folder as it is, under the same name."""
        target = self.folder / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path.resolve())

    def run(self, stage: str) -> str | None:
        """Run a stage, as `train@d3`; what went wrong, if anything did."""
        script, _, word = stage.partition("@")
        arguments = (self.folder.resolve(), self.log.resolve(), script, [word] if word else [])
        process = self.processes.Process(target=run_stage, args=arguments)
        process.start()
        process.join()
        if not process.exitcode:
            return None
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        return f"fails in commit {self.commit[:12]} ({' '.join(said)})"


def _shorten_file(path: Path, limits: Mapping[str, Any]) -> None:
    yaml = YAML(typ="safe", pure=True)
    data = yaml.load(path)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(shorten(data, limits), file)


def shorten(data: Any, limits: Mapping[str, Any]) -> Any:
    """Parameters within `limits`, and with the first seed alone, whatever else they hold.

    limits: by key, the largest number, or the word that every entry is given.
    """
    if isinstance(data, Mapping):
        return {key: _shorten_value(key, value, limits) for key, value in data.items()}
    return [shorten(each, limits) for each in data] if isinstance(data, list) else data


def _shorten_value(key: object, value: Any, limits: Mapping[str, Any]) -> Any:
    if key in limits:
        limit = limits[str(key)]
        return min(value, limit) if isinstance(limit, int) else limit
    if key == "recipes":
        # Where a key has its default, it may not be written.
        words = {name: limit for name, limit in limits.items() if isinstance(limit, str)}
        return {name: {**shorten(entry, limits), **words} for name, entry in value.items()}
    if key == "seeds" and isinstance(value, list):
        return value[:1]
    return shorten(value, limits)
