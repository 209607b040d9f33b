"""To another machine and back, between two folders: DVC and dvc.yaml are real, the stages stand-ins."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import forks
import psutil
import pytest
from dvc.utils.serialize import load_yaml
from pipeline import ROOT, TINY, Pipeline, list_stages, shared_folder

from bundle import merge, pack
from bundle.parts import check_parts, list_files, read_parts
from lineup.errors import LineupError

# Writes the outs that dvc.yaml names; training takes three steps and goes on at its checkpoint.
STAND_IN = """
import os, sys, time
from pathlib import Path
import yaml

stage, name = Path(sys.argv[0]).stem, "".join(sys.argv[1:])
entry = yaml.load(Path("dvc.yaml").read_text(), yaml.CSafeLoader)["stages"][stage]
entry = entry.get("do", entry)
outs = [*entry["outs"], *entry.get("metrics", [])]
checkpoint, said = Path(f".lineup/checkpoints/{name}/seed-0.pt"), [stage, name]
if stage == "train":
    done = int(checkpoint.read_text()) if checkpoint.exists() else 0
    said.append(os.environ.get("LINEUP_COMMIT", "here"))
    print(f"began at step {done}", flush=True)
    for step in range(done, 3):
        time.sleep(float(os.environ.get("PAUSE", 0)))
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_text(str(step + 1))
    checkpoint.unlink()
for out in outs:
    out = out if isinstance(out, str) else next(iter(out))
    path = Path(out.replace("${key}", name))
    path = path if path.suffix else path / "file"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(" ".join(said))
"""
PAUSE = 0.5  # seconds a step, where training is to be interrupted
PATIENCE = 300.0


def lay_out(folder: Path) -> Pipeline:
    """A repository with a committed pipeline in which every stage has been run, but for a run that is new."""
    home = Pipeline(folder)
    home.lay_out(TINY)
    for stage in folder.glob("stages/*.py"):
        if stage.stem != "resolve":
            stage.write_text(STAND_IN)
    for name in (".gitignore", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, folder / name)
    home.run_at_once()
    declare(home, r"waiting:\n(  later: .*\n)", r"\1waiting:\n")
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "All"]):
        done = home.call("git", "-c", "user.name=a", "-c", "user.email=a@b", *words)
        assert done.returncode == 0, done.stderr
    return home


def declare(home: Pipeline, pattern: str, text: str) -> None:
    """Change params.yaml, and let its identities follow."""
    path = home.path("params.yaml")
    path.write_text(re.sub(pattern, text, path.read_text()))
    home.repro("validate")


def declare_tuned(home: Pipeline) -> None:
    """Let no run wait any more, nor the weights that it starts from."""
    declare(home, r"waiting(_weights)?:\n", "")


def start_there(there: Path, pause: float, python: str, *words: str) -> subprocess.Popen[str]:
    """The one command on the other machine, in a process group of its own."""
    environment = {name: value for name, value in forks.environment().items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        [python, "there.pyz", "--jobs", "2", *words],
        cwd=there, env={**environment, "PAUSE": str(pause)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip


def finish_there(there: Path, *words: str) -> str:
    """Let the other machine work, all of it in forks, and return what it printed."""
    process = start_there(there, 0.0, "python", *words)
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return said


def stop_in_the_middle(there: Path, step: int, stop: Callable[[subprocess.Popen[str]], None]) -> None:
    """Start the work, wait until it has gone past `step`, and stop it; nothing may go on without it."""
    process = start_there(there, PAUSE, sys.executable)
    checkpoint, until = Path("repository/.lineup/checkpoints/later/seed-0.pt"), time.monotonic() + PATIENCE
    while not any(read_step(path / checkpoint) > step for path in there.glob("work-*")):
        assert time.monotonic() < until
        time.sleep(0.02)
    below = psutil.Process(process.pid).children(recursive=True)
    assert below
    stop(process)
    process.communicate(timeout=PATIENCE)
    assert process.returncode
    _, left = psutil.wait_procs(below, timeout=2.0)
    assert not [each for each in left if each.status() != psutil.STATUS_ZOMBIE]


def read_step(path: Path) -> int:
    text = path.read_text() if path.exists() else ""
    return int(text or 0)


def kill_all(process: subprocess.Popen[str]) -> None:
    """SIGKILL for the command and all below it, DVC and the stage."""
    for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        each.kill()


def pack_runs(*words: object) -> None:
    pack.main(*map(str, words), "--wheels", "none")


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new run's journey: stopped, killed, out of time, and finished at last.

    home: the repository; there: the other machine's folder, with the results; halfway: those of the call
    that ran out of time; said: what the last call printed. Not to be changed.
    """
    with shared_folder(tmp_path_factory, "journey") as shared:
        folder, there = shared / "journey", shared / "journey/there"
        if not folder.exists():
            home = lay_out(folder / "home")
            with pytest.MonkeyPatch.context() as patch, chdir(home.folder):
                patch.setenv("DVC_SITE_CACHE_DIR", home.environment()["DVC_SITE_CACHE_DIR"])
                pack_runs("later", "--out", there)
            stop_in_the_middle(there, 0, lambda process: process.terminate())
            stop_in_the_middle(there, 1, kill_all)
            finish_there(there, "--minutes", "1e-9")
            shutil.copytree(find_results(there), folder / "halfway")
            (folder / "said").write_text(finish_there(there))
    return folder


@pytest.fixture
def home(journey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A copy of the repository that the run came from, the current folder."""
    shutil.copytree(journey / "home", tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "dvc"))
    return Pipeline(tmp_path / "home")


def find_results(there: Path) -> Path:
    [folder] = there.glob("results-*")
    return folder


def read_stages(home: Pipeline) -> dict[str, Any]:
    entries: dict[str, Any] = load_yaml(home.path("dvc.lock"))["stages"]
    return entries


def test_a_killed_and_a_stopped_training_go_on_where_they_were(journey: Path) -> None:
    [log] = journey.glob("there/work-*/logs/train@later.log")
    steps = [line for line in log.read_text().splitlines() if line.startswith("began")]
    assert steps[0] == "began at step 0"
    assert steps[1] in {"began at step 1", "began at step 2"}
    assert steps[2:] == ["began at step 2"]
    assert "unpacked before, going on there" in (journey / "said").read_text()


def test_nothing_but_the_chosen_run_is_run_there(journey: Path) -> None:
    logs = list(journey.glob("there/work-*/logs/*"))
    ran = {stage for path in logs for stage in list_stages(path.read_text())}
    assert ran == {"train@later", "evaluate@later"} == {path.stem for path in logs}


def test_what_comes_back_is_merged_and_only_compare_is_left(journey: Path, home: Pipeline) -> None:
    before = read_stages(home)
    merge.main(str(find_results(journey / "there")))
    after = read_stages(home)
    assert after.keys() - before.keys() == {"train@later", "evaluate@later"}
    assert {name: after[name] for name in before} == before
    commit = subprocess.check_output(["git", "rev-parse", "--short=12", "HEAD"], text=True).strip()
    assert home.path("models/later/file").read_text() == f"train later {commit}"
    gate = home.call("dvc", "repro", "--allow-missing", "--dry")
    assert list_stages(gate.stdout) == ["compare", "report"], gate.stdout + gate.stderr

    assert home.repro("--allow-missing") == ["compare", "report"]
    assert home.stale() == set()


def assert_pulled(home: Pipeline, *stages: str) -> None:
    """Push the outs of `stages`, lose them here and in DVC's cache, and get them back by `dvc pull`."""
    outs = [out for name in stages for out in home.stages()[name].outs if out.use_cache]
    paths = [home.path(out.def_path) for out in outs]
    before = [read_all(path) for path in paths]
    assert all(before)
    call(home, "dvc", "remote", "add", "--default", "store", str(home.folder.parent / "store"))
    call(home, "dvc", "push", *stages)
    shutil.rmtree(home.path(".dvc/cache"))
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    call(home, "dvc", "pull", *stages)
    assert [read_all(path) for path in paths] == before


def call(home: Pipeline, *words: str) -> None:
    done = home.call(*words)
    assert done.returncode == 0, done.stdout + done.stderr


def read_all(path: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in list_files(path)}


def test_a_run_goes_with_the_one_that_it_starts_from(home: Pipeline, tmp_path: Path) -> None:
    home.edit("params.yaml", "needs: models/dense", "needs: models/later")
    declare_tuned(home)
    with pytest.raises(LineupError, match=r"^models/later: not here.*, or add later to RUNS$"):
        pack_runs("tuned")
    there, before = tmp_path / "there", read_stages(home)
    pack_runs("later", "tuned", "--out", there)
    finish_there(there)
    [log] = there.glob("work-*/logs/train@tuned.log")
    assert list_stages(log.read_text()) == ["train@tuned"]

    merge.main(str(find_results(there)))
    new = ("weights@handed", "train@later", "train@tuned", "evaluate@later", "evaluate@tuned")
    assert read_stages(home).keys() - before.keys() == set(new)
    gate = home.call("dvc", "repro", "--allow-missing", "--dry")
    assert list_stages(gate.stdout) == ["compare", "report"], gate.stdout + gate.stderr
    assert_pulled(home, *new)


def test_a_run_that_starts_from_one_that_is_done_takes_its_models_along(
    home: Pipeline, tmp_path: Path
) -> None:
    declare_tuned(home)
    pack_runs("tuned", "--out", tmp_path / "there")
    manifest = check_parts(tmp_path / "there")
    read_parts(manifest, tmp_path / "there", tmp_path / "unpacked")
    assert list(manifest.facts["graph"]) == ["weights@handed", "train@tuned", "evaluate@tuned"]
    assert manifest.facts["runs"]["tuned"]["stages"] == list(manifest.facts["graph"])
    assert (tmp_path / "unpacked/repository/models/dense/file").exists()
    assert not (tmp_path / "unpacked/repository/data/weights/handed.safetensors").exists()


HANDED_TWICE = {
    "preprocess@v": [],
    "weights@second": ["train@b"],
    "weights@first": ["train@a"],
    "train@a": ["preprocess@v"],
    "train@b": ["preprocess@v", "weights@first"],
    "train@c": ["preprocess@v", "weights@second"],
}


@pytest.mark.parametrize(
    ("chosen", "fresh", "handed"),
    [
        ("ab", "", {"weights@first"}),
        ("ab", "weights@first", {"weights@first"}),
        ("b", "", {"weights@first"}),
        ("b", "weights@first", set()),
        ("a", "", set()),
        ("c", "weights@first", {"weights@second"}),
        ("ac", "weights@second", {"weights@first", "train@b", "weights@second"}),
    ],
)
def test_what_hands_over_is_done_there(chosen: str, fresh: str, handed: set[str]) -> None:
    runs = {f"train@{run}" for run in chosen}
    there = pack.list_done_there(HANDED_TWICE, sorted(runs), lambda stage: stage == fresh)
    assert sorted(there) == sorted(runs | handed)


REFUSED = {
    "code": (
        "src/lineup/models/mlp.py",
        "",
        "OTHER = 1\n",
        "resolved/runs/later.json identity.evaluate, resol",
    ),
    "recipe": (
        "params.yaml",
        "  short: {epochs: 1",
        "  short: {epochs: 2",
        "resolved/runs/later.json identity.train: not",
    ),
    "data": (
        "data/views/digits/test.safetensors",
        "preprocess",
        "other",
        "data/views/digits/test.safetensors",
    ),
    "pipeline": ("dvc.yaml", "weights}.safetensors']", "weights}.safetensors', README.md]", "README.md"),
    "run": ("params.yaml", "  later: {", "  sooner: {", "FROM: no run 'later'; expected a run under runs"),
}


@pytest.mark.parametrize(("name", "old", "new", "named"), REFUSED.values(), ids=REFUSED.keys())
def test_runs_made_with_something_else_are_refused(
    journey: Path, home: Pipeline, name: str, old: str, new: str, named: str
) -> None:
    home.path("README.md").write_text("")
    path = home.path(name)
    changed = path.read_text().replace(old, new, 1) if old else path.read_text() + new
    assert changed != path.read_text()
    path.write_text(changed)
    home.repro("resolve")
    before = home.path("dvc.lock").read_bytes()
    with pytest.raises(LineupError) as refused:
        merge.main(str(find_results(journey / "there")))
    assert str(refused.value).startswith(f"{named}")
    assert "\n" not in str(refused.value)
    assert home.path("dvc.lock").read_bytes() == before
    assert not home.path("models/later").exists()


def test_what_has_changed_since_it_was_resolved_is_neither_packed_nor_merged(
    journey: Path, home: Pipeline
) -> None:
    home.append("src/lineup/training/fit.py", "# A remark.\n")
    message = r"^resolved: not known to belong to the .*; fix: run `dvc repro validate`$"
    with pytest.raises(LineupError, match=message):
        pack_runs("later")
    with pytest.raises(LineupError, match=message):
        merge.main(str(find_results(journey / "there")))
    home.repro("resolve")
    merge.main(str(find_results(journey / "there")))  # a remark means nothing
    assert home.path("models/later/file").exists()


def test_data_that_is_not_here_counts_as_dvc_lock_says(journey: Path, home: Pipeline) -> None:
    shutil.rmtree(home.path("data/views"))
    merge.main(str(find_results(journey / "there")))
    assert home.path("models/later/file").exists()


def test_a_half_trained_run_travels_on(journey: Path, home: Pipeline, tmp_path: Path) -> None:
    before = home.path("dvc.lock").read_bytes()
    merge.main(str(journey / "halfway"))
    assert home.path("dvc.lock").read_bytes() == before
    pack_runs("later", "--out", tmp_path / "there")
    read_parts(check_parts(tmp_path / "there"), tmp_path / "there", tmp_path / "unpacked")
    assert int((tmp_path / "unpacked/repository/.lineup/checkpoints/later/seed-0.pt").read_text()) > 0


def test_finished_waiting_and_unknown_runs_and_stale_data_are_not_packed(home: Pipeline) -> None:
    with pytest.raises(LineupError, match="RUNS: dense: up to date"):
        pack_runs("dense")
    fix = "move its entry from waiting to runs in params.yaml"
    with pytest.raises(LineupError, match=f"^RUNS: run tuned waits; expected a run under runs; fix: {fix}$"):
        pack_runs("tuned")
    with pytest.raises(LineupError, match=r"no run 'latter'; .*did you mean later"):
        pack_runs("latter")
    home.path("data/views/digits/test.safetensors").unlink()
    with pytest.raises(LineupError, match=r"test\.safetensors: not here.*dvc repro preprocess@digits"):
        pack_runs("later")
    assert not home.path(".lineup/bundle").exists()


WRONG = {
    "no runs": ((), "RUNS: empty; expected the names of runs; fix: make bundle RUNS="),
    "python": (("d3", "--python", "3.10"), "PYTHON_THERE: '3.10'; expected one of 3.11, 3.12, 3.13; fix: "),
    "machine": (("d3", "--machine", ""), "MACHINE_THERE: ''; expected one of x86_64, aarch64; fix: "),
    "wheels": (("d3", "--wheels", "some"), "WHEELS: 'some'; expected one of none, dvc, all; fix: "),
    "no size": (("d3", "--part-mb", "0"), "PART_MB: '0'; expected a whole number of at least 1; fix: "),
    "size": (("d3", "--part-mb", "60M"), "PART_MB: '60M'; expected a whole number of at least 1; fix: "),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_as_make_names_it(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(LineupError) as caught:
        pack.main(*words)
    assert str(caught.value).startswith(message)
    assert "--" not in str(caught.value)


def test_without_a_folder_nothing_is_merged() -> None:
    with pytest.raises(LineupError, match=r"^FROM: empty; .*; fix: make unbundle FROM=folder$"):
        merge.main("")


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("params.yaml", "\nwaiting:", "\nwating:", r"^params\.yaml: "),
        ("dvc.lock", "schema: ", "<<<<<<< HEAD\nschema: ", "^dvc: "),
    ],
)
def test_what_cannot_be_read_is_refused(home: Pipeline, name: str, old: str, new: str, message: str) -> None:
    home.path(name).write_text(home.path(name).read_text().replace(old, new, 1))
    with pytest.raises(LineupError, match=message):
        pack_runs("later")


@pytest.mark.parametrize("out", [".", "src", "../home"])
def test_a_folder_with_files_of_the_repository_takes_no_bundle(home: Pipeline, out: str) -> None:
    with pytest.raises(LineupError, match=rf"^OUT: {out}, where .* lies; expected a folder without files"):
        pack_runs("later", "--out", out)


def test_a_bundle_in_the_repository_is_replaced_and_not_packed(home: Pipeline) -> None:
    pack_runs("later", "--out", "tmp/out")
    first = check_parts(Path("tmp/out"))
    pack_runs("later", "--out", "tmp/out")
    assert check_parts(Path("tmp/out")).facts == first.facts
    read_parts(check_parts(Path("tmp/out")), Path("tmp/out"), Path(".lineup/unpacked"))
    assert not home.path(".lineup/unpacked/repository/tmp").exists()
    assert not first.facts["commit"].endswith("+")


def test_one_bundle_holds_the_tree_as_it_stands(home: Pipeline, tmp_path: Path) -> None:
    home.append("stages/train.py", "\nOTHER = 1\n")
    home.path("src/lineup/new.py").write_text("NEW = 1\n")
    home.path("src/lineup/trial.py").unlink()
    home.repro("validate")
    pack_runs("dense", "later", "--out", tmp_path / "there")
    manifest = check_parts(tmp_path / "there")
    read_parts(manifest, tmp_path / "there", tmp_path / "unpacked")
    packed = Pipeline(tmp_path / "unpacked/repository")
    assert manifest.facts["commit"].endswith("+")
    for name in (
        "params.yaml",
        "resolved/runs/later.json",
        "stages/train.py",
        "src/lineup/new.py",
        "models/dense/file",
        "data/views/digits/test.safetensors",
    ):
        assert packed.path(name).read_bytes() == home.path(name).read_bytes()
    assert not packed.path("src/lineup/trial.py").exists()
    assert not packed.path("data/raw").exists()
