"""What DVC reruns after a change, and what it does not: a real pipeline, driven in temporary folders."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import forks
import pytest
from PIL import Image
from pipeline import TINY, Pipeline, list_stages

from lineup.training.checkpoint import only_trainer

CLASSIFIERS = ("dense", "long", "conv")
RUNS = (*CLASSIFIERS, "coder")
RESULTS = ("models", "metrics", "plots", "data")
ENTRY = (
    "{row: null, view: digits, weights: random, task: classification, family: mlp, model: dense,"
    " augment: none, recipe: short, seeds: [3], tta: none}"
)


def train(*runs: str) -> set[str]:
    return {f"train@{run}" for run in runs}


def evaluate(*runs: str) -> set[str]:
    return {f"evaluate@{run}" for run in runs}


def read_table(pipeline: Pipeline) -> dict[str, str]:
    with pipeline.path("metrics/comparison.csv").open(newline="") as file:
        return {row["run"]: row["status"] for row in csv.DictReader(file) if row["run"]}


def test_without_a_change_nothing_runs(pipeline: Pipeline) -> None:
    done = pipeline.call("dvc", "repro")
    assert list_stages(done.stdout) == []
    assert "Data and pipelines are up to date." in done.stdout
    gate = pipeline.call("dvc", "repro", "--allow-missing", "--dry")
    assert gate.returncode == 0
    assert "Data and pipelines are up to date." in gate.stdout


CODE = {
    "src/lineup/comparison/texts.py": {"compare"},
    "src/lineup/comparison/report.html": {"compare"},
    "claims.csv": {"validate", "compare"},
    "protocols.yaml": {"validate", "compare"},
    "src/lineup/evaluation/quality.py": evaluate(*RUNS),
    "src/lineup/statistics/bootstrap.py": {"compare"},
    "src/lineup/judges/classification/reliability.py": evaluate(*CLASSIFIERS),
    "src/lineup/training/augment.py": train(*RUNS) | evaluate(*RUNS),
    "src/lineup/judges/classification/pictures.py": evaluate(*CLASSIFIERS),
    "src/lineup/judges/reconstruction/probe.py": evaluate("coder"),
    "src/lineup/tasks/classification.py": train(*CLASSIFIERS),
    "src/lineup/tasks/reconstruction.py": train("coder"),
    "src/lineup/models/cnn.py": {"validate"} | train("conv") | evaluate("conv"),
    "src/lineup/models/timm.py": {"validate"},
    "src/lineup/trial.py": {"validate"},
    "src/lineup/data/view.py": {"validate", "preprocess@digits", "duplicates@digits"},
    "src/lineup/console.py": set(),
    "src/lineup/config/params.py": {"validate"},
}


@pytest.fixture(scope="module")
def changeable(finished: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A copy in which nothing is stale, for changes that are taken back."""
    folder = tmp_path_factory.mktemp("changeable") / "copy"
    shutil.copytree(finished.folder, folder)
    copy = Pipeline(folder)
    assert copy.stale() == set()
    return copy


@pytest.mark.parametrize(("name", "expected"), CODE.items(), ids=CODE.keys())
def test_a_change_in_code_reaches_what_runs_it(changeable: Pipeline, name: str, expected: set[str]) -> None:
    before = changeable.path(name).read_bytes()
    changeable.append(name, "\n")
    try:
        assert changeable.stale() == expected
    finally:
        changeable.path(name).write_bytes(before)


def test_a_change_in_an_optimizer_trains_only_what_uses_it(pipeline: Pipeline) -> None:
    pipeline.append("src/lineup/training/optimizers/sgd.py")
    pipeline.append("src/lineup/training/freeze.py")
    done = pipeline.call("dvc", "repro", "--single-item", "train@dense", "train@long")
    assert list_stages(done.stdout) == ["train@dense", "train@long"]
    assert "dense seed 0: kept" in done.stdout
    assert "long seed 0: kept" not in done.stdout


def test_a_recipe_reaches_its_runs(pipeline: Pipeline) -> None:
    pipeline.edit("params.yaml", "epochs: 60", "epochs: 2")
    assert pipeline.repro() == ["validate", "train@long", "evaluate@long", "compare"]


def test_a_new_run_reaches_itself_and_the_comparison(pipeline: Pipeline) -> None:
    pipeline.edit("params.yaml", "\nwaiting:", f"\n  new: {ENTRY}\nwaiting:")
    assert pipeline.stale() == {"validate", "train@new", "evaluate@new", "compare"}


def test_images_of_ones_own_are_watched(pipeline: Pipeline) -> None:
    for split, class_, shade in product(("train", "test"), ("dark", "light"), range(5)):
        path = pipeline.path(f"images/{split}/{class_}/{shade}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 9), 50 * (class_ == "light") + 100 * (split == "test") + shade).save(path)
    view = "{dataset: own, color: gray, size: 8, validation: 0.2, split_seed: 0, normalize: channel}"
    dataset = "{source: folder, needs: images, size: 8}"
    pipeline.edit("params.yaml", "\nviews:\n", f"\n  own: {dataset}\nviews:\n  own: {view}\n")
    pipeline.edit(
        "params.yaml", "\nwaiting:", f"\n  new: {ENTRY.replace('view: digits', 'view: own')}\nwaiting:"
    )
    made = {f"{stage}@own" for stage in ("download", "preprocess", "duplicates")}
    made |= {"train@new", "evaluate@new", "compare"}
    assert set(pipeline.repro()) == {"validate", *made}
    for name in ("images/.DS_Store", "images/train/dark/Thumbs.db", "src/lineup/training/.DS_Store"):
        pipeline.path(name).write_text("of a file manager")
    assert pipeline.stale() == set()
    pipeline.path("images/train/dark/4.png").unlink()
    assert pipeline.stale() == {"download@own"}
    assert set(pipeline.repro()) == made


def test_a_removed_run_leaves_the_comparison(pipeline: Pipeline) -> None:
    text = pipeline.path("params.yaml").read_text()
    lines = text.splitlines(keepends=True)
    pipeline.path("params.yaml").write_text(
        "".join(line for line in lines if not line.startswith("  conv: {row"))
    )
    assert pipeline.repro() == ["validate", "compare"]
    left = dict.fromkeys(("dense", "long", "coder"), "measured")
    assert read_table(pipeline) == {**left, **dict.fromkeys(("later", "tuned"), "not run yet")}


def test_a_new_seed_keeps_the_others(pipeline: Pipeline) -> None:
    before = pipeline.digests("models/dense")
    pipeline.edit(
        "params.yaml",
        "augment: none, recipe: short, seeds: [0], tta: none}\n  long:",
        "augment: none, recipe: short, seeds: [0, 1], tta: none}\n  long:",
    )
    done = pipeline.call("dvc", "repro", "train@dense")
    assert list_stages(done.stdout) == ["validate", "train@dense"]
    assert "dense seed 0: kept" in done.stdout
    assert "dense seed 0  epoch" not in done.stderr
    assert "dense seed 1  epoch 1/1" in done.stderr
    after = pipeline.digests("models/dense")
    kept = "models/dense/seed-0.safetensors"
    assert after[kept] == before[kept]
    assert after["models/dense/seed-1.safetensors"] != before[kept]

    pipeline.edit("params.yaml", "recipe: short, seeds: [0, 1]", "recipe: short, seeds: [0, 1, 2]")
    again = pipeline.call("dvc", "repro", "train@dense")
    assert [line for line in again.stdout.splitlines() if "kept" in line] == [
        f"dense seed {seed}: kept, nothing it depends on has changed" for seed in (0, 1)
    ]
    assert "dense seed 2  epoch 1/1" in again.stderr


def test_a_changed_model_is_trained_again(pipeline: Pipeline) -> None:
    before = pipeline.digests("models/conv")
    pipeline.edit("src/lineup/models/cnn.py", "xavier_uniform_", "xavier_normal_")
    done = pipeline.call("dvc", "repro", "-s", "train@conv")
    assert "kept" not in done.stdout
    weights = [name for name in before if name.endswith(".safetensors")]
    after = pipeline.digests("models/conv")
    assert weights
    assert all(after[name] != before[name] for name in weights)


def test_wrong_parameters_stop_everything_in_one_line(pipeline: Pipeline) -> None:
    before = pipeline.digests("models", "metrics", "plots", "data/views", "data/predictions")
    pipeline.edit("params.yaml", "epochs: 60", "epochs: sixty")
    done = pipeline.call("dvc", "repro")
    assert done.returncode != 0
    assert list_stages(done.stdout) == ["validate"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: params.yaml: recipes.long.epochs: the text 'sixty'; expected ")
    assert "Traceback" not in done.stderr
    assert pipeline.digests("models", "metrics", "plots", "data/views", "data/predictions") == before
    pipeline.edit("params.yaml", "epochs: sixty", "epochs: 60")
    assert pipeline.repro() == []


def test_two_fresh_workspaces_agree_to_the_byte(finished: Pipeline, tmp_path: Path) -> None:
    other = Pipeline(tmp_path / "elsewhere")
    other.lay_out(TINY)
    with forks.serving():  # another process, of another hash seed
        other.repro("evaluate@conv")
    for name in ("models/conv", "data/raw", "data/views"):
        assert other.digests(name) == finished.digests(name)
    for name in ("plots/curves/conv.csv", "metrics/runs/conv.json", "metrics/detail/conv.json"):
        assert other.path(name).read_bytes() == finished.path(name).read_bytes()
    for name in (
        "data/predictions/conv.safetensors",
        "plots/confusion/conv.csv",
        "plots/pictures/conv/predictions.png",
        "plots/pictures/conv/filters.png",
    ):
        assert other.path(name).read_bytes() == finished.path(name).read_bytes()


def test_a_killed_training_goes_on_to_the_same_bits(finished: Pipeline, pipeline: Pipeline) -> None:
    pipeline.new_processes = True
    # The code changes so that checkpoints are frequent; so the run is trained again, and can be killed.
    pipeline.edit("src/lineup/training/fit.py", "CHECKPOINTS = 60.0", "CHECKPOINTS = 0.0")
    locked = pipeline.path("dvc.lock").read_bytes()
    checkpoint = pipeline.path(".lineup/checkpoints/long/seed-0.pt")
    process = subprocess.Popen(
        ["dvc", "repro", "-s", "train@long"],
        cwd=pipeline.folder,
        env=pipeline.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(checkpoint)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert pipeline.path("dvc.lock").read_bytes() == locked

    pipeline.new_processes = False
    done = pipeline.call("dvc", "repro", "-s", "train@long")
    assert done.returncode == 0, done.stderr
    assert "long seed 0: going on after epoch" in done.stdout
    assert not checkpoint.exists()
    weights = "models/long/seed-0.safetensors"
    assert pipeline.path(weights).read_bytes() == finished.path(weights).read_bytes()
    curves = "plots/curves/long.csv"
    assert pipeline.path(curves).read_bytes() == finished.path(curves).read_bytes()


def wait_for(path: Path, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.005)


def test_a_second_trainer_is_refused(pipeline: Pipeline) -> None:
    before = pipeline.digests(*RESULTS)
    with only_trainer(pipeline.path(".lineup/locks/dense.lock")):
        done = pipeline.call(sys.executable, "stages/train.py", "dense")
    assert done.returncode == 1
    assert done.stderr == (
        "error: .lineup/locks/dense.lock: another process trains this run; expected one trainer a run; "
        "fix: wait for it or stop it, then run again\n"
    )
    assert pipeline.digests(*RESULTS) == before
