"""Proof by bits: what is kept, what is named, and what is never taken."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline import ROOT, Pipeline
from safetensors import safe_open

from lineup.config.files import read_files
from lineup.config.identities import Resolver
from lineup.identity.code import Code
from lineup.resolved import parse_resolved
from prove.bits import find_difference
from prove.extract import HELD_OUT, TEST, extract
from prove.run import find_kinds, mask_numbers
from prove.side import BATCH, EPOCHS, LIMITS, shorten

RUNS = ("dense", "long", "conv", "coder")


def test_recipes_are_shortened_whatever_else_the_parameters_hold() -> None:
    params = {
        "recipes": {
            "long": {
                "epochs": 60,
                "batch_size": 512,
                "phases": {"head": {"epochs": 15}, "tune": {"lr": 0.1}},
            },
            "short": {"epochs": 1, "batch_size": 4, "precision": "bf16"},
        },
        "runs": {"one": {"seeds": [3, 4], "recipe": "long"}},
    }
    assert shorten(params, LIMITS) == {
        "recipes": {
            "long": {
                "epochs": EPOCHS, "batch_size": BATCH,
                "phases": {"head": {"epochs": EPOCHS}, "tune": {"lr": 0.1}},
            },
            "short": {"epochs": 1, "batch_size": 4, "precision": "bf16"},
        },
        "runs": {"one": {"seeds": [3], "recipe": "long"}},
    }  # fmt: skip
    in_fp32 = shorten(params, {**LIMITS, "precision": "fp32"})
    assert [recipe["precision"] for recipe in in_fp32["recipes"].values()] == ["fp32", "fp32"]


def test_numbers_make_no_kind_but_words_and_keys_do() -> None:
    one = {"lr": 0.1, "epochs": 3, "trainable": "head", "batch_norm": True}
    assert mask_numbers(one) == mask_numbers({**one, "lr": 0.2, "epochs": 9})
    for other in ({**one, "trainable": "all"}, {**one, "batch_norm": False}, {**one, "ema_decay": 0.9}):
        assert mask_numbers(one) != mask_numbers(other)


def test_a_run_of_each_kind_stands_for_all_of_it() -> None:
    resolver = Resolver(read_files(ROOT / "params.yaml"), Code(ROOT), {})
    names = [f"train@{run}" for run in resolver.params.runs]
    kinds = find_kinds(names, resolver)
    assert kinds["train@b8"] == kinds["train@b7"]  # another batch
    assert kinds["train@a5_96_2"] != kinds["train@a5_96_1"]  # another layer
    assert kinds["train@c1_fp32"] != kinds["train@c1"]
    assert kinds["train@tuned_fast94"] != kinds["train@fast94"]  # from weights
    assert set(kinds) == set(names)


def test_an_extract_has_every_class_and_both_parts(finished: Pipeline, tmp_path: Path) -> None:
    extract(finished.path("data/views/digits"), tmp_path, 12)
    with safe_open(tmp_path / "learn.safetensors", framework="pt") as file:
        labels, held_out = file.get_tensor("labels"), file.get_tensor("held_out")
        assert file.metadata() == read_metadata(finished.path("data/views/digits/learn.safetensors"))
    assert (int((~held_out).sum()), int(held_out.sum())) == (12, HELD_OUT)
    assert labels[~held_out].unique().tolist() == list(range(10))
    with safe_open(tmp_path / "test.safetensors", framework="pt") as file:
        assert len(file.get_tensor("ids")) == TEST


def read_metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata()
    return metadata


def test_one_bit_makes_a_difference(tmp_path: Path) -> None:
    for side in ("before", "after"):
        folder = tmp_path / side / "models/d3"
        folder.mkdir(parents=True)
        (folder / "seed-0.safetensors").write_bytes(torch.ones(3).numpy().tobytes())
        record = {"fingerprint": side, "weights": "ab", "rows": [{"epoch": 1}], "trainable": {"": 3}}
        (folder / "seed-0.json").write_text(json.dumps(record))
        curves = tmp_path / side / "plots/curves/d3.csv"
        curves.parent.mkdir(parents=True)
        curves.write_text("seed,epoch\n0,1\n")
    before, after = tmp_path / "before", tmp_path / "after"
    assert find_difference("train@d3", before, after) is None  # fingerprints are of the code
    weights = after / "models/d3/seed-0.safetensors"
    content = bytearray(weights.read_bytes())
    content[0] ^= 1
    weights.write_bytes(content)
    assert find_difference("train@d3", before, after) == "models/d3/seed-0.safetensors"
    weights.unlink()
    assert "one side only" in str(find_difference("train@d3", before, after))
    assert "missing" in str(find_difference("evaluate@d3", before, after))


@pytest.fixture
def repository(pipeline: Pipeline) -> Pipeline:
    """The small pipeline, finished, as a git repository with one commit."""
    git(pipeline, "init", "--quiet", "--initial-branch=main")
    pipeline.path(".gitignore").write_text("/data/\n/models/\n/.lineup/\n/.dvc/cache/\n/.dvc/tmp/\n")
    commit(pipeline)
    return pipeline


def git(pipeline: Pipeline, *words: str) -> None:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *who, *words], cwd=pipeline.folder, check=True, capture_output=True)


def commit(pipeline: Pipeline) -> None:
    git(pipeline, "add", "--all")
    git(pipeline, "commit", "--quiet", "--message", "A change")


def prove(pipeline: Pipeline, *words: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(pipeline.path("src")), str(ROOT / "tools")])
    return subprocess.run(
        ["python", "-m", "prove", "--since", "HEAD~1", *words], cwd=pipeline.folder, capture_output=True,
        env={**os.environ, "PYTHONPATH": paths}, text=True, check=False, timeout=600,
    )  # fmt: skip


def read_record(pipeline: Pipeline) -> dict[str, Any]:
    (path,) = pipeline.path("proofs").glob("*.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def read_identities(pipeline: Pipeline) -> dict[str, dict[str, str]]:
    done = pipeline.call("python", "stages/resolve.py")
    assert done.returncode == 0, done.stderr
    texts = {run: pipeline.path(f"resolved/runs/{run}.json").read_text() for run in RUNS}
    return {run: dict(parse_resolved(text, run).identity) for run, text in texts.items()}


def test_what_means_the_same_in_other_words_is_kept(repository: Pipeline) -> None:
    before = read_identities(repository)
    repository.edit("src/lineup/training/augment.py", "def _offset(", "def _draw_offset(")
    text = (
        repository.path("src/lineup/training/augment.py").read_text().replace(" _offset(", " _draw_offset(")
    )
    repository.path("src/lineup/training/augment.py").write_text(text)
    commit(repository)
    assert read_identities(repository) != before
    done = prove(repository)
    assert done.returncode == 0, done.stderr
    record = read_record(repository)
    stages = {f"{kind}@{run}" for kind in ("train", "evaluate") for run in RUNS}
    assert (set(record["equal"]), record["different"], record["complete"]) == (stages, [], True)
    assert record["processor"]
    assert record["steps"] > 0
    assert read_identities(repository) == before
    # Of a proof that was cut short nothing is taken.
    (path,) = repository.path("proofs").glob("*.json")
    path.write_text(json.dumps({**record, "complete": False}))
    assert read_identities(repository) != before


def test_a_changed_constant_is_caught_and_its_runs_are_named(repository: Pipeline) -> None:
    before = read_identities(repository)
    repository.edit("src/lineup/models/cnn.py", "2**16", "2**15")
    repository.edit("src/lineup/training/optimizers/sgd.py", "fused=True", "fused=True, dampening=0.5")
    commit(repository)
    done = prove(repository)
    assert done.returncode == 0, done.stderr
    record = read_record(repository)
    assert record["different"] == ["train@long"]
    # Without dropout the other change makes no difference.
    assert set(record["equal"]) == {"train@conv", "evaluate@conv"}
    assert "train@long: models/long/seed-0" in done.stdout
    after = read_identities(repository)
    assert {run for run in RUNS if after[run] != before[run]} == {"long"}


def test_a_proof_is_of_commits(repository: Pipeline) -> None:
    repository.append("src/lineup/training/augment.py", "\nSPARE = 1\n")
    done = prove(repository)
    assert done.returncode == 1
    assert done.stderr.startswith("error: git: src/lineup/training/augment.py not committed; ")
    assert not list(repository.path("proofs").glob("*.json"))


def test_a_run_that_is_not_there_is_refused(repository: Pipeline) -> None:
    repository.append("src/lineup/training/augment.py", "\nSPARE = 1\n")
    commit(repository)
    done = prove(repository, "dens")
    assert (done.returncode, done.stderr) == (
        1,
        "error: RUNS: no run 'dens'; expected a run under runs; fix: did you mean dense?\n",
    )
