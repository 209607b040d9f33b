import os
import shutil
import sys
from pathlib import Path

import pytest
from pipeline import ROOT, TINY, Pipeline, shared_folder

# Whatever tests start finds this environment's programs first and imports lineup from here.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["PYTHONPATH"] = str(ROOT / "src")
# Set before torch is imported: tests run side by side, and more threads would wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A pipeline in which every stage has been run; made once for all workers, not to be changed."""
    with shared_folder(tmp_path_factory, "finished") as folder:
        pipeline = Pipeline(folder / "finished")
        if not pipeline.path("dvc.lock").exists():
            pipeline.lay_out(TINY)
            pipeline.run_at_once()
    return pipeline


@pytest.fixture
def pipeline(finished: Pipeline, tmp_path: Path) -> Pipeline:
    """A copy of the finished pipeline, to be changed."""
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Pipeline(tmp_path / "copy")
