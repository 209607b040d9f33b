"""What make says itself, in a folder whose environment is a stand-in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pipeline import ROOT


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run our Makefile in `folder`."""
    return subprocess.run(
        [
            "make",
            "--no-print-directory",
            "--file",
            ROOT / "Makefile",
            "--assume-old",
            ".venv/.installed",
            *words,
        ],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("said", "status"), [("Data and pipelines are up to date.", 0), ("Running stage 'compare':", 2)]
)
def test_stale_results_are_refused_with_the_command_that_works_in_a_clone(
    tmp_path: Path, said: str, status: int
) -> None:
    dvc = tmp_path / ".venv/bin/dvc"
    dvc.parent.mkdir(parents=True)
    dvc.write_text(f'#!/bin/sh\necho "{said}"\n')
    dvc.chmod(0o755)
    done = make(tmp_path, "fresh")
    assert done.returncode == status
    assert ("fix: dvc repro --allow-missing, then commit" in done.stdout) is (status != 0)


@pytest.mark.parametrize(("target", "name"), [("bundle", "RUNS"), ("unbundle", "FROM")])
def test_a_target_without_its_word_says_which(target: str, name: str) -> None:
    done = make(ROOT, target)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name}: empty; expected ")
    assert f"fix: make {target} {name}=" in done.stderr


def test_names_in_the_environment_are_not_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "desktop")
    monkeypatch.setenv("JOBS", "64")
    assert "desktop" not in make(ROOT, "--dry-run", "sweep").stdout
    assert "64" not in make(ROOT, "--dry-run", "repro").stdout
    assert '"a7" "4"' in make(ROOT, "--dry-run", "sweep", "NAME=a7", "JOBS=4").stdout


@pytest.mark.parametrize("target", ["sweep", "repro", "review", "bench", "bundle", "unbundle"])
def test_the_folder_may_have_a_space_in_its_name(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "with space"
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$PYTHONPATH"\n')
    python.chmod(0o755)
    done = make(folder, target)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{folder}/src")


@pytest.mark.parametrize(
    ("version", "refused"), [((3, 10), True), ((3, 11), False), ((3, 13), False), ((3, 14), True)]
)
def test_another_python_is_refused_before_anything_is_installed(
    tmp_path: Path, version: tuple[int, int], refused: bool
) -> None:
    python = tmp_path / "python"
    facts = (*version, 0), f"{version[0]}.{version[1]}.0 (made up)"
    lines = (
        f"import sys; sys.version_info, sys.version = {facts}",
        "exec(sys.argv[2]) if sys.argv[1] == '-c' else sys.exit('went on')",
    )
    python.write_text(f"#!{sys.executable}\n" + "\n".join(lines) + "\n")
    python.chmod(0o755)
    (tmp_path / "requirements.txt").touch()
    words = ("make", "--file", ROOT / "Makefile", f"PYTHON={python}", ".venv/.installed")
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    said = f"error: {python}: Python {version[0]}.{version[1]}.0; expected 3.11 to 3.13; fix: make PYTHON="
    assert done.stderr.startswith(said if refused else "went on")
