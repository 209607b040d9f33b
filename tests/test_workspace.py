import os
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from parameters import check_data
from pipeline import ROOT, TINY
from ruamel.yaml import YAML

import workspace
from lineup.config.params import load
from lineup.errors import LineupError

FILES = {
    "dvc.yaml": "# All stages.\nvars: [reports/a.yaml, more.yaml]\nstages:\n  resolve:\n    cmd: python\n"
    "    deps: [params.yaml, reports, more.yaml, src]\n",
    "reports/a.yaml": "reports: {}\n",
    "more.yaml": "runs: {}\n",
    "proofs/README.md": "What a proof is.\n",
    "proofs/one.json": "{}\n",
    ".dvcignore": "__pycache__\n",
    ".dvc/config": "[core]\n    analytics = false\n",
    ".dvc/config.local": "[cache]\n    dir = /elsewhere\n",
    ".dvc/plots/curves.json": "{}\n",
    "src/lineup/__init__.py": "",
    "src/lineup/models/mlp.py": "WIDTH = 1\n",
    "src/lineup/models/__pycache__/mlp.pyc": "",
    "src/lineup.egg-info/PKG-INFO": "",
    "stages/train.py": "print()\n",
    "small.yaml": "runs: {}\n",
    "README.md": "not part of the pipeline\n",
}
LAID_OUT = {
    "dvc.yaml",
    "proofs/README.md",
    ".dvcignore",
    ".dvc/config",
    ".dvc/plots/curves.json",
    "src/lineup/__init__.py",
    "src/lineup/models/mlp.py",
    "stages/train.py",
    "params.yaml",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of a few lines in the place of ours."""
    for name, text in FILES.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(workspace, "ROOT", tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    workspace.lay_out(tmp_path / "laid/out", root / "small.yaml")
    return tmp_path / "laid/out"


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_pipeline_and_nothing_else_is_laid_out(root: Path, folder: Path) -> None:
    assert list_files(folder) == LAID_OUT
    assert (folder / "params.yaml").read_text() == FILES["small.yaml"]
    assert (folder / "src/lineup/models/mlp.py").read_text() == FILES["src/lineup/models/mlp.py"]


def test_the_pipeline_has_one_file_of_parameters(folder: Path) -> None:
    text = (folder / "dvc.yaml").read_text()
    stages = {"resolve": {"cmd": "python", "deps": ["params.yaml", "src"]}}
    assert YAML(typ="safe").load(text) == {"stages": stages}
    assert text.startswith("# All stages.\n")


def test_settings_are_the_repositorys_without_its_cache_or_git(folder: Path) -> None:
    config = ConfigParser()
    config.read(folder / ".dvc/config")
    assert {section: dict(config[section]) for section in config.sections()} == {
        "core": {"analytics": "false", "no_scm": "true"}
    }


def test_files_that_have_not_changed_keep_their_times(root: Path, folder: Path) -> None:
    for name in LAID_OUT:
        os.utime(folder / name, (1, 1))
    (root / "src/lineup/models/mlp.py").write_text("WIDTH = 2\n")
    workspace.lay_out(folder, root / "small.yaml")
    assert {name for name in LAID_OUT if (folder / name).stat().st_mtime != 1} == {"src/lineup/models/mlp.py"}
    assert (folder / "src/lineup/models/mlp.py").read_text() == "WIDTH = 2\n"


def test_files_that_are_gone_go_and_results_stay(root: Path, folder: Path) -> None:
    (root / "src/lineup/models/mlp.py").unlink()
    kept = ["models/run/seed-0.safetensors", "dvc.lock", ".dvc/cache/file", "stages/__pycache__/train.pyc"]
    for name in kept:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a result")
    workspace.lay_out(folder, root / "small.yaml")
    assert list_files(folder) == (LAID_OUT - {"src/lineup/models/mlp.py"}) | set(kept)


def test_missing_parameters_are_refused_before_anything_is_written(root: Path, tmp_path: Path) -> None:
    with pytest.raises(LineupError, match=r"none\.yaml: not there; expected a file of parameters; fix: "):
        workspace.lay_out(tmp_path / "new", tmp_path / "none.yaml")
    assert not (tmp_path / "new").exists()


def test_images_and_weights_of_ones_own_come_along(root: Path, folder: Path) -> None:
    data = YAML(typ="safe").load(ROOT / "quickstart/params.yaml")
    data["datasets"]["own"] = {"source": "folder", "needs": "images", "size": 16}
    mine = {"source": "file", "needs": "mine.safetensors", "architecture": "resnet18", "licence": "mine"}
    data["weights"]["mine"] = mine | {"mean": [0.0], "std": [1.0]}
    params = check_data(data)
    with pytest.raises(LineupError, match=r"datasets\.own\.needs: images, which is not there"):
        workspace.bring_needs(folder, params)
    images = [root / "images/train/cat/1.png", root / "images/train/cat/2.png"]
    for path in [*images, root / "mine.safetensors"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    workspace.bring_needs(folder, params)
    images[0].unlink()
    workspace.bring_needs(folder, params)
    assert list_files(folder) == LAID_OUT | {"images/train/cat/2.png", "mine.safetensors"}


def test_the_command_lays_out_this_repository(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools/workspace.py", tmp_path / "new", TINY], check=True)
    for name in ("stages/train.py", "src/lineup/comparison/report.html"):
        assert (tmp_path / "new" / name).read_bytes() == (ROOT / name).read_bytes()
    ours, laid_out = (YAML(typ="safe").load(folder / "dvc.yaml") for folder in (ROOT, tmp_path / "new"))
    del ours["vars"]
    ours["params"] = ["params.yaml"]
    ours["stages"]["resolve"]["deps"] = ["params.yaml", "proofs", "src", "stages"]
    assert laid_out == ours


def test_the_quick_start_is_what_the_readme_promises() -> None:
    params = load(ROOT / "quickstart/params.yaml")
    assert {dataset.source for dataset in params.datasets.values()} == {"digits"}
    assert len({(run.family, run.model) for run in params.runs.values()}) >= 4
    assert max(len(run.seeds) for run in params.runs.values()) >= 2
    assert {params.recipes[run.recipe].precision for run in params.runs.values()} == {"fp32", "bf16"}
    assert params.waiting
