import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from forks import FOLDER, serving
from pipeline import ROOT, TINY, Pipeline, shared_folder

# Whatever tests start finds this environment's programs first and imports lineup from here.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["PYTHONPATH"] = str(ROOT / "src")
# Set before torch is imported: tests run side by side, and more threads would wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    # Workers of pytest-xdist have it from their parent.
    if FOLDER not in os.environ:
        forks = ExitStack()
        forks.enter_context(serving())
        config.add_cleanup(forks.close)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A pipeline in which every stage has been run; made once for all workers, not to be changed."""
    with shared_folder(tmp_path_factory, "finished") as folder:
        pipeline = Pipeline(folder / "finished")
        if not pipeline.path("dvc.lock").exists():
            pipeline.lay_out(TINY)
            pipeline.run_at_once()
    return pipeline


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up project after compare, made once for all workers; not to be changed."""
    from made_up import make_compared  # not before the threads are set: it imports torch

    with shared_folder(tmp_path_factory, "compared") as folder:
        project = folder / "compared"
        if not project.exists():
            project.mkdir()
            make_compared(project)
    return project


@pytest.fixture
def comparable(tmp_path: Path) -> Path:
    """A made-up project in which every stage before compare has run, to be changed."""
    from made_up import make_project

    make_project(tmp_path)
    return tmp_path


@pytest.fixture
def pipeline(finished: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of the finished pipeline, to be changed."""
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Pipeline(tmp_path / "copy")
