"""What DVC reruns after a change, and what it does not: a real pipeline, driven in temporary folders."""

import ast
import csv
import json
import os
import shutil
import signal
import subprocess
import time
from itertools import product
from pathlib import Path

import forks
import pytest
from PIL import Image
from pipeline import TINY, Pipeline, list_stages

from lineup.identity.proofs import Proof, write_proof
from lineup.training.checkpoint import only_trainer

CLASSIFIERS = ("dense", "long", "conv")
RUNS = (*CLASSIFIERS, "coder")
RESULTS = ("models", "metrics", "plots", "data")
ENTRY = "{view: digits, weights: random, family: mlp, model: dense, recipe: short, seeds: [3]}"


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
    "src/lineup/comparison/texts.py": {"compare", "report"},
    "src/lineup/comparison/report.html": {"compare", "report"},
    "src/lineup/evaluation/quality.py": evaluate(*RUNS),
    "src/lineup/evaluation/evaluators/classification/pictures.py": evaluate(*CLASSIFIERS),
    "src/lineup/evaluation/evaluators/reconstruction/probe.py": evaluate("coder"),
    "src/lineup/training/fit.py": train(*RUNS),
    "src/lineup/training/augment.py": train(*RUNS) | evaluate(*RUNS),
    "src/lineup/training/optimizers/sgd.py": train("long"),
    "src/lineup/training/freezing/freezer.py": {"validate"},
    "src/lineup/tasks/classification.py": train(*CLASSIFIERS),
    "src/lineup/models/cnn.py": {"validate"} | train("conv") | evaluate("conv"),
    "src/lineup/models/timm.py": set(),
    "src/lineup/data/prepare.py": {"validate", "preprocess@digits", "duplicates@digits"},
    "src/lineup/config/params.py": {"validate"},
    "stages/train.py": train(*RUNS),
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
    changeable.append(name, "\nCHANGED = 1\n")
    try:
        done = changeable.run_stage("resolve")
        assert done.returncode == 0, done.stderr
        assert changeable.stale() - {"resolve"} == expected
    finally:
        changeable.path(name).write_bytes(before)


def reword(text: str) -> str:
    """Another text of the same meaning: other comments, docstrings, annotations and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = ast.Name("object") if node.annotation else None
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body[0] = ast.Expr(ast.Constant("Said in other words."))
    return f"# A remark.\n{ast.unparse(tree)}\n# Another.\n"


REWORDED = (
    *(
        "stages/train.py",
        "stages/evaluate.py",
        "src/lineup/training/fit.py",
        "src/lineup/training/augment.py",
    ),
    *("src/lineup/evaluation/run.py", "src/lineup/models/cnn.py", "src/lineup/resolved.py"),
)


def reword_code(pipeline: Pipeline) -> None:
    for name in REWORDED:
        before = pipeline.path(name).read_text()
        after = reword(before)
        assert len(after.splitlines()) < len(before.splitlines()) or name.startswith("stages/")
        pipeline.path(name).write_text(after)


def test_code_that_means_the_same_reruns_nothing(pipeline: Pipeline) -> None:
    reword_code(pipeline)
    assert pipeline.repro() == ["resolve"]
    assert pipeline.repro() == []


def test_a_clone_without_models_and_data_tells_the_same(pipeline: Pipeline) -> None:
    for name in ("models", "data", ".dvc/cache"):
        shutil.rmtree(pipeline.path(name))
    dry = pipeline.call("dvc", "repro", "--allow-missing", "--dry")
    assert "Data and pipelines are up to date." in dry.stdout, dry.stdout + dry.stderr
    reword_code(pipeline)
    assert pipeline.repro("--allow-missing") == ["resolve"]
    dry = pipeline.call("dvc", "repro", "--allow-missing", "--dry")
    assert "Data and pipelines are up to date." in dry.stdout, dry.stdout + dry.stderr
    # A change of meaning is seen here too.
    pipeline.edit("src/lineup/evaluation/run.py", "BATCH = 128", "BATCH = 64")
    assert pipeline.run_stage("resolve").returncode == 0
    assert {name for name in pipeline.stale() if name.startswith("evaluate@")} == evaluate(*RUNS)


def test_a_change_in_an_optimizer_trains_only_what_uses_it(pipeline: Pipeline) -> None:
    pipeline.append("src/lineup/training/optimizers/sgd.py", "\nCHANGED = 1\n")
    pipeline.append("src/lineup/training/freezing/freezer.py", "\nCHANGED = 1\n")
    done = pipeline.call("dvc", "repro", "train@dense", "train@long")
    assert list_stages(done.stdout) == ["resolve", "validate", "train@long"]
    assert "kept" not in done.stdout


def test_a_key_at_its_neutral_value_reruns_nothing(pipeline: Pipeline) -> None:
    before = pipeline.path("resolved/runs/dense.json").read_text()
    pipeline.edit(
        "params.yaml", "lr: 0.01, checkpoint", "lr: 0.01, weight_decay: 0.0, phases: {}, checkpoint"
    )
    assert pipeline.repro() == ["resolve", "validate"]
    assert pipeline.path("resolved/runs/dense.json").read_text() == before


def test_a_new_key_that_is_neutral_retrains_nothing(pipeline: Pipeline) -> None:
    """What the code does with it counts as soon as there is such code; the key by itself does not."""
    pipeline.edit(
        "src/lineup/config/schema.py",
        "    label_smoothing: BelowOne = neutral(0.0)\n",
        "    label_smoothing: BelowOne = neutral(0.0)\n    warmth: NotNegative = neutral(0.0)\n",
    )
    pipeline.edit(
        "src/lineup/settings/run.py", "    ema_decay: float\n", "    ema_decay: float\n    warmth: float\n"
    )
    pipeline.edit("src/lineup/config/resolve.py", '"ema_decay",', '"ema_decay", "warmth",')
    assert pipeline.repro() == ["resolve", "validate"]
    assert '"warmth": 0.0' in pipeline.path("resolved/runs/dense.json").read_text()
    pipeline.edit("params.yaml", "batch_size: 32,", "batch_size: 32, warmth: 0.5,")
    assert pipeline.run_stage("resolve").returncode == 0
    # compare shows what a run was trained with.
    assert pipeline.stale() - {"resolve"} == {"validate", "compare", "report", *train("long")}


# --- proofs ------------------------------------------------------------------------------------------------


def read_digests(pipeline: Pipeline) -> dict[str, str]:
    """The hash of the code of each training."""
    files = {run: json.loads(pipeline.path(f"resolved/runs/{run}.json").read_text()) for run in RUNS}
    return {run: content["code"]["train"]["digest"] for run, content in files.items()}


def test_a_proof_keeps_what_it_names_and_nothing_else(pipeline: Pipeline) -> None:
    before = read_digests(pipeline)
    pipeline.edit("src/lineup/training/fit.py", "VALIDATION_BATCH = 500", "VALIDATION_BATCH = 250 + 250")
    assert pipeline.run_stage("resolve").returncode == 0
    after = read_digests(pipeline)
    assert pipeline.stale() - {"resolve"} == train(*RUNS)

    def prove(pairs: dict[str, tuple[str, str]], *, complete: bool = True) -> set[str]:
        """The trainings that are stale with a proof of these runs."""
        equal = {f"train@{run}": [pair] for run, pair in pairs.items()}
        words = dict.fromkeys(("before", "after", "date", "processor", "torch", "precision"), "")
        proof = Proof(**words, steps=1, equal=equal, different=(), complete=complete)
        write_proof(proof, pipeline.path("proofs/one.json"))
        assert pipeline.run_stage("resolve").returncode == 0
        return pipeline.stale() - {"resolve"}

    pairs = {run: (before[run], after[run]) for run in RUNS}
    assert prove({run: pairs[run] for run in ("dense", "coder")}) == train("long", "conv")
    assert prove(pairs, complete=False) == train(*RUNS)
    assert prove({run: (before[run], "0" * 16) for run in RUNS}) == train(*RUNS)
    assert prove({run: ("0" * 16, after[run]) for run in RUNS}) == train(*RUNS)
    # With all of it `dvc repro` has nothing to do, and what is trained anew has the identity of before.
    assert prove(pairs) == set()
    assert pipeline.repro() == ["resolve"]
    done = pipeline.run_stage("train", "dense")
    assert "dense seed 0: kept" in done.stdout, done.stderr
    pipeline.path("proofs/one.json").write_text("{}")
    stopped = pipeline.call("dvc", "repro")
    assert [line for line in stopped.stderr.splitlines() if line.startswith("error: ")] == [
        line
        for line in stopped.stderr.splitlines()
        if line.startswith("error: proofs/one.json: not readable (")
    ]
    assert list_stages(stopped.stdout) == ["resolve"]


# --- parameters --------------------------------------------------------------------------------------------


def test_a_recipe_reaches_its_runs(pipeline: Pipeline) -> None:
    pipeline.edit("params.yaml", "epochs: 60", "epochs: 2")
    assert pipeline.repro() == ["resolve", "validate", "train@long", "evaluate@long", "compare", "report"]


def test_a_new_run_reaches_itself_and_the_comparison(pipeline: Pipeline) -> None:
    pipeline.edit("params.yaml", "\nwaiting:", f"\n  new: {ENTRY}\nwaiting:")
    assert pipeline.repro("resolve") == ["resolve"]
    assert pipeline.stale() == {"validate", "train@new", "evaluate@new", "compare", "report"}


def test_images_of_ones_own_are_watched(pipeline: Pipeline) -> None:
    for split, class_, shade in product(("train", "test"), ("dark", "light"), range(5)):
        path = pipeline.path(f"images/{split}/{class_}/{shade}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 9), 50 * (class_ == "light") + 100 * (split == "test") + shade).save(path)
    view = "{dataset: own, color: gray, size: 8, validation: 0.2, normalize: channel}"
    dataset = "{source: folder, needs: images, size: 8}"
    pipeline.edit("params.yaml", "\nviews:\n", f"\n  own: {dataset}\nviews:\n  own: {view}\n")
    pipeline.edit(
        "params.yaml", "\nwaiting:", f"\n  new: {ENTRY.replace('view: digits', 'view: own')}\nwaiting:"
    )
    made = {f"{stage}@own" for stage in ("download", "preprocess", "duplicates")}
    made |= {"train@new", "evaluate@new", "compare", "report"}
    assert set(pipeline.repro()) == {"resolve", "validate", *made}
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
        "".join(line for line in lines if not line.startswith("  conv: {view"))
    )
    assert pipeline.repro() == ["resolve", "validate", "compare", "report"]
    assert not pipeline.path("resolved/runs/conv.json").exists()
    left = dict.fromkeys(("dense", "long", "coder"), "measured")
    assert read_table(pipeline) == {**left, **dict.fromkeys(("later", "tuned"), "not run yet")}


def test_a_new_seed_keeps_the_others(pipeline: Pipeline) -> None:
    before = pipeline.digests("models/dense")
    pipeline.edit("params.yaml", "recipe: short}\n  long:", "recipe: short, seeds: [0, 1]}\n  long:")
    done = pipeline.call("dvc", "repro", "train@dense")
    assert list_stages(done.stdout) == ["resolve", "validate", "train@dense"]
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
    done = pipeline.call("dvc", "repro", "train@conv")
    assert list_stages(done.stdout) == ["resolve", "validate", "train@conv"]
    assert "kept" not in done.stdout
    weights = [name for name in before if name.endswith(".safetensors")]
    after = pipeline.digests("models/conv")
    assert weights
    assert all(after[name] != before[name] for name in weights)


def test_wrong_parameters_stop_everything_in_one_line(pipeline: Pipeline) -> None:
    before = pipeline.digests(*RESULTS, "resolved")
    pipeline.edit("params.yaml", "epochs: 60", "epochs: sixty")
    done = pipeline.call("dvc", "repro")
    assert done.returncode != 0
    assert list_stages(done.stdout) == ["resolve"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: params.yaml: recipes.long.epochs: the text 'sixty'; expected ")
    assert "Traceback" not in done.stderr
    assert pipeline.digests(*RESULTS, "resolved") == before
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
    # The code changes so that checkpoints are frequent; so the run is trained again, and can be killed.
    pipeline.edit("src/lineup/training/fit.py", "CHECKPOINTS = 60.0", "CHECKPOINTS = 0.0")
    assert pipeline.repro("resolve") == ["resolve"]
    pipeline.new_processes = True
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
        done = pipeline.run_stage("train", "dense")
    assert done.returncode == 1
    assert done.stderr == (
        "error: .lineup/locks/dense.lock: another process trains this run; expected one trainer a run; "
        "fix: wait for it or stop it, then run again\n"
    )
    assert pipeline.digests(*RESULTS) == before
