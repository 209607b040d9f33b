"""Trainings that a change does not reach are kept where their models are not at hand."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pipeline import ROOT, Pipeline

TRAINING = Path("src/lineup/training")


@pytest.fixture
def clone(pipeline: Pipeline) -> Pipeline:
    """The finished pipeline under git, without what a clone does not have."""
    pipeline.path(".gitignore").write_text("/data\n/models\n/.lineup\n__pycache__/\n")
    for words in (
        ("init", "-q"),
        ("config", "user.name", "test"),
        ("config", "user.email", "test@localhost"),
        ("add", "-A"),
        ("commit", "-qm", "all"),
    ):
        assert pipeline.call("git", *words).returncode == 0
    pipeline.edit(".dvc/config", "no_scm = true", "no_scm = false")
    assert pipeline.call("git", "commit", "-qam", "git").returncode == 0
    for name in ("data", "models", ".dvc/cache"):
        shutil.rmtree(pipeline.path(name))
    assert would_train(pipeline) == set()
    return pipeline


def would_train(clone: Pipeline) -> set[str]:
    """The trainings with a dependency or a parameter that has changed; what is not there has not."""
    found: dict[str, list[Any]] = clone.status()
    return {
        name
        for name, parts in found.items()
        for part in parts
        if name.startswith("train@")
        and isinstance(part, dict)
        and "modified" in str(part.get("changed deps"))
    }


def call_keep(clone: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    clone_tools = f"{clone.path('src')}:{ROOT / 'tools'}"
    return clone.call("env", f"PYTHONPATH={clone_tools}", "python", str(ROOT / "tools/keep.py"), *words)


def keep(clone: Pipeline, *words: str) -> list[str]:
    done = call_keep(clone, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-2:]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("params.yaml", "view: ", "veiw: ", "error: params.yaml: runs.dense.veiw"),
        ("dvc.lock", "schema: ", "<<<<<<< HEAD\nschema: ", "error: dvc: "),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_line(
    clone: Pipeline, name: str, old: str, new: str, message: str
) -> None:
    text = clone.path(name).read_text()
    clone.path(name).write_text(text.replace(old, new, 1))
    done = call_keep(clone)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(message)


def test_what_loads_a_changed_file_is_trained_and_all_else_kept(clone: Pipeline) -> None:
    clone.append(str(TRAINING / "optimizers/sgd.py"))
    clone.path(TRAINING.as_posix() + "/optimizers/new.py").write_text('"""A new one."""\n')
    assert would_train(clone) == {"train@dense", "train@long", "train@conv", "train@coder"}
    outputs = clone.path("dvc.lock").read_text().count("models/")
    assert keep(clone) == ["kept: dense, conv, coder", "to be trained: long"]
    assert would_train(clone) == {"train@long"}
    assert clone.path("dvc.lock").read_text().count("models/") == outputs


def test_changes_that_are_committed_are_told_from_an_earlier_commit(clone: Pipeline) -> None:
    clone.append(str(TRAINING / "freeze.py"))
    assert clone.call("git", "commit", "-qam", "later").returncode == 0
    assert keep(clone)[0] == "kept: nothing"  # the last commit was not up to date
    assert keep(clone, "HEAD~1")[0] == "kept: dense, long, conv, coder"
    assert would_train(clone) == set()


def test_nothing_is_kept_that_was_not_up_to_date(clone: Pipeline) -> None:
    clone.append(str(TRAINING / "fit.py"))
    assert clone.call("git", "commit", "-qam", "stale").returncode == 0
    clone.append(str(TRAINING / "freeze.py"))
    assert keep(clone)[0] == "kept: nothing"


def test_another_change_still_counts(clone: Pipeline) -> None:
    clone.append(str(TRAINING / "freeze.py"))
    clone.edit("params.yaml", "epochs: 60", "epochs: 2")
    assert keep(clone)[0] == "kept: dense, long, conv, coder"
    assert would_train(clone) == {"train@long"}
