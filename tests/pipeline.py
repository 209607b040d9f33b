"""A real DVC pipeline in a temporary folder, as tests drive it."""

import fcntl
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from graphlib import TopologicalSorter
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import forks
import pytest
from dvc.repo import Repo
from dvc.stage import PipelineStage

from workspace import lay_out

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests/tiny.yaml"
SECONDS = 300


class Pipeline:
    """The workspace in `folder`. What it starts are forks (forks.py), unless new processes are asked for."""

    def __init__(self, folder: Path, *, new_processes: bool = False) -> None:
        self.folder = folder
        self.new_processes = new_processes

    def lay_out(self, params: Path) -> None:
        lay_out(self.folder, params)

    def path(self, name: str) -> Path:
        return self.folder / name

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that stands exactly once in the file `name`."""
        text = self.path(name).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.path(name).write_text(text.replace(old, new))

    def append(self, name: str, text: str = "\n# A remark.\n") -> None:
        self.path(name).write_text(self.path(name).read_text() + text)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False,
            timeout=SECONDS,
        )  # fmt: skip

    def run_stage(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a stage's script by itself, with the code of this folder."""
        return subprocess.run(
            ["python", f"stages/{name}.py", *words], cwd=self.folder, capture_output=True, text=True,
            env={**self.environment(), "PYTHONPATH": "src"}, check=False, timeout=SECONDS,
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        base = dict(os.environ) if self.new_processes else forks.environment()
        return {**base, "DVC_SITE_CACHE_DIR": str(self.folder.parent / "dvc"), "COLUMNS": "100"}

    def repro(self, *targets: str) -> list[str]:
        """Run `dvc repro` and return the names of the stages it ran."""
        done = self.call("dvc", "repro", *targets)
        assert done.returncode == 0, done.stdout + done.stderr
        return list_stages(done.stdout)

    def run_at_once(self) -> None:
        """Run every stage after those that it needs, as `dvc repro` would, in a fraction of its time."""
        with self._open() as repo:
            graph = repo.index.graph
            order = TopologicalSorter({stage: set(graph[stage]) for stage in graph})
        order.prepare()
        with ThreadPool(2) as pool:
            while ready := order.get_ready():
                for done in pool.map(lambda stage: self.call("sh", "-c", stage.cmd), ready):
                    assert done.returncode == 0, done.stdout + done.stderr
                order.done(*ready)
        kept = self.call("dvc", "commit", "--force")
        assert kept.returncode == 0, kept.stderr

    def stale(self) -> set[str]:
        """The stages that `dvc status` finds changed, those behind them left out."""
        return set(self.status())

    def status(self) -> dict[str, Any]:
        """What `dvc status` says of each changed stage."""
        with self._open() as repo:
            found: dict[str, Any] = repo.status()
        return found

    def stages(self) -> dict[str, PipelineStage]:
        """The stages of dvc.yaml by name, with params.yaml put in."""
        with self._open() as repo:
            return {stage.addressing: stage for stage in repo.index.stages}

    @contextmanager
    def _open(self) -> Iterator[Repo]:
        settings = {"core": {"site_cache_dir": self.environment()["DVC_SITE_CACHE_DIR"]}}
        # DVC names stages relative to the current folder.
        with chdir(self.folder), Repo(config=settings) as repo:
            yield repo

    def digests(self, *names: str) -> dict[str, str]:
        """SHA-256 of each file below the folders `names`."""
        files = [path for name in names for path in self.path(name).rglob("*") if path.is_file()]
        assert files
        return {
            str(file.relative_to(self.folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }


def list_stages(output: str) -> list[str]:
    """The stages that DVC says it ran."""
    return re.findall(r"^Running stage '(\S+)':$", output, flags=re.MULTILINE)


@contextmanager
def shared_folder(factory: pytest.TempPathFactory, purpose: str) -> Iterator[Path]:
    """The temporary folder that all workers of pytest-xdist share, for one of them at a time per purpose."""
    folder = factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (folder / f"{purpose}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
