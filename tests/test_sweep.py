"""Grids at work: what counts as a result, and DVC's real queue."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides
from pipeline import ROOT, TINY
from ruamel.yaml import YAML
from swept import MACHINE, SWEEPS, TRAINING

from lineup.config.files import Files, read_files
from lineup.config.identities import Resolver
from lineup.errors import LineupError
from lineup.identity.code import Code
from lineup.resolved import write_all
from sweep import identity, queue
from sweep.identity import identify, identify_queued, identify_result_at, refuse_uncommitted
from sweep.plan import Point, make_points
from sweep.results import FINISHED, Result, Row, find_results, format_csv, list_experiments
from sweep.run import Running, main
from sweep.schema import Sweep, load_sweeps
from workspace import lay_out

# Instead of a training: with the rate, accuracy falls on validation and rises on test; a file makes it fail,
# once the sweep has written its table, which is kept in that file.
SCORE = """
import json, os, sys, time
from pathlib import Path
lr = json.loads(Path("resolved/runs/dense.json").read_text())["settings"]["recipe"]["phases"][0]["lr"]
print("dense seed 0  epoch 1/1  loss 1.0", flush=True)
broken, table = Path(os.environ["BROKEN"]), Path(os.environ["TABLE"])
if lr < 0.001 and broken.exists():
    deadline = time.monotonic() + 60
    while not table.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    broken.write_text(table.read_text())
    sys.exit("broken")
for path, found in {
    "metrics/detail/dense.json": {"mean": {"val_accuracy": 1 - lr, "test_accuracy": lr}},
    "metrics/training/dense.json": json.loads(os.environ["TRAINING"]),
}.items():
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(found))
"""
STAGES = """vars: [reports/short.yaml]
stages:
  resolve:
    cmd: PYTHONPATH=src python stages/resolve.py
    deps: [params.yaml, reports, src, stages]
    outs: [resolved: {cache: false, persist: true}]
  evaluate:
    foreach: ${runs}
    do:
      cmd: python score.py ${key}
      deps: [score.py]
      params: ["resolved/runs/${key}.json": [identity.train]]
      metrics: ["metrics/detail/${key}.json": {cache: false}]
      outs: ["metrics/training/${key}.json": {cache: false}]
"""


def git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed copy of the pipeline, tiny, whose evaluate takes no time; it is the current folder."""
    folder = tmp_path / "copy"
    lay_out(folder, TINY)
    for name in (".dvc/config", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    for name, text in {"sweeps.yaml": SWEEPS, "score.py": SCORE, "dvc.yaml": STAGES}.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    set_apart()
    monkeypatch.setenv("BROKEN", str(tmp_path / "broken"))
    monkeypatch.setenv("TABLE", str(folder / "metrics/sweeps/small.csv"))
    monkeypatch.setenv("TRAINING", json.dumps(TRAINING))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "src"), str(ROOT / "tools")]))
    git("init", "-q")
    git("config", "user.name", "test")
    git("config", "user.email", "test@localhost")
    resolve()
    commit()
    forget_code()
    return folder


def set_apart() -> None:
    """Let the recipe that is varied stand in a file of its own, with what differs alone."""
    yaml = YAML()
    params = yaml.load(Path("params.yaml"))
    recipe = params["recipes"].pop("short")
    yaml.dump(params, Path("params.yaml"))
    Path("reports").mkdir()
    yaml.dump({"recipes": {"short": dict(recipe)}}, Path("reports/short.yaml"))


def resolve() -> None:
    """What stage resolve does."""
    resolver = Resolver(read_files(Path("params.yaml")), Code(Path()), {})
    write_all({name: resolver.resolve(name) for name in resolver.list_names()})


def forget_code() -> None:
    """Code is read once: a sweep refuses to start where it has been changed."""
    identity._read_code.cache_clear()


def commit() -> None:
    git("add", "-A")
    git("commit", "-qm", "all", "--no-verify")


def small_points() -> tuple[Sweep, list[Point]]:
    sweep = load_sweeps().sweeps["small"]
    return sweep, make_points("small", sweep, read_files(Path("params.yaml")))


def invent(name: str, point: Point, figures: dict[str, float]) -> None:
    """Make an experiment of `point`, as DVC leaves one, without running it."""
    base = git("rev-parse", "HEAD")
    for path, found in {
        "metrics/detail/dense.json": {"mean": figures},
        "metrics/training/dense.json": TRAINING,
    }.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(found))
    override(point)
    resolve()
    commit()
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
    git("reset", "-q", "--hard", base)


def override(point: Point) -> None:
    """Turn the parameters here into those of `point`, as DVC does."""
    for path, overrides in to_path_overrides(point.overrides).items():
        apply_overrides(path, overrides)


def find(sweep: Sweep, points: list[Point]) -> list[Result | None]:
    """What is known of each point, for the code that is here."""
    forget_code()
    results = find_results("small", sweep, Path("metrics/sweeps/small.csv"))
    return [results.get(identify(point.files, "dense")) for point in points]


def test_an_experiment_counts_while_parameters_and_code_are_the_same(repository: Path) -> None:
    sweep, points = small_points()
    invent("small-7", points[1], {"val_accuracy": 0.5, "test_accuracy": 0.4})
    invent("other-1", points[0], {"val_accuracy": 0.9, "test_accuracy": 0.9})
    expected = [None, Result("small-7", 0.5, 0.4, MACHINE)]
    assert find(sweep, points) == expected
    assert identify_result_at(git("rev-parse", "HEAD"), "later") is None  # there the run still waits

    fit, model = (repository / f"src/lineup/{name}" for name in ("training/fit.py", "models/mlp.py"))
    (repository / "src/lineup/duplicates.py").write_text("OTHER = 1  # not among its code\n")
    fit.write_text(fit.read_text() + "\n# A remark.\n")
    assert find(sweep, points) == expected
    model.write_text(model.read_text() + "\nOTHER = 1\n")
    assert find(sweep, points) == [None, None]


def test_a_point_that_waits_is_told_by_its_parameters_while_the_code_is_the_same(repository: Path) -> None:
    _, points = small_points()
    override(points[1])
    commit()
    queued = git("rev-parse", "HEAD")
    assert identify_queued(queued, "dense") == identify(points[1].files, "dense")
    assert identify_queued(queued, "later") is None
    (repository / "src/lineup/models/mlp.py").write_text("OTHER = 1\n")
    commit()
    identify_queued.cache_clear()
    assert identify_queued(queued, "dense") is None


def name(data: Mapping[str, Any], run: str) -> str:
    return identify(Files(Path("params.yaml"), data, {}), run)


@pytest.fixture
def chained(repository: Path) -> dict[str, Any]:
    """Parameters in which a run starts from what another produces."""
    data: dict[str, Any] = deepcopy(read_files(Path("params.yaml")).data)
    data["runs"]["tuned"] = data["waiting"].pop("tuned")
    data["weights"] |= data.pop("waiting_weights")
    return data


def test_an_experiment_counts_only_while_what_it_starts_from_is_the_same(chained: dict[str, Any]) -> None:
    before = name(chained, "tuned")
    other = deepcopy(chained)
    other["recipes"]["long"]["epochs"] += 1  # of other runs
    assert name(other, "tuned") == before
    for change in ({"recipe": "long"}, {"seeds": [1, 0]}, {"family": "cnn", "model": "conv"}):
        other = deepcopy(chained)
        other["runs"]["dense"] |= change
        assert name(other, "tuned") != before


def test_an_experiment_counts_only_while_files_that_it_starts_from_are_the_same(
    repository: Path, chained: dict[str, Any]
) -> None:
    chained["weights"]["handed"] = {
        **{"source": "file", "needs": "start.safetensors", "architecture": "mlp", "licence": "MIT"},
        **{"mean": [0.0], "std": [255.0]},
    }
    chained["datasets"]["digits"] = {"source": "folder", "needs": "images", "size": 8}
    known = {name(chained, "tuned")}
    files = ("start.safetensors", "images.dvc", "images/train/a/1.png")
    for text in ("one", "other"):
        for file in files:
            (repository / file).parent.mkdir(parents=True, exist_ok=True)
            (repository / file).write_text(text)
            commit()
            known.add(name(chained, "tuned"))
    assert len(known) == 1 + 2 * len(files)


def test_a_fresh_clone_takes_results_from_the_committed_table(repository: Path) -> None:
    sweep, points = small_points()
    known = identify(points[0].files, "dense")
    result = Result("small-1", 0.5, 0.4, MACHINE)
    table = repository / "metrics/sweeps/small.csv"
    table.parent.mkdir(parents=True)
    table.write_text(format_csv(sweep, [Row(points[0], known, FINISHED, "small-1", result)]))
    assert find_results("small", sweep, table) == {known: result}
    other = sweep.model_copy(update={"best": "lowest val_loss"})
    assert find_results("small", other, table) == {}


def test_a_missing_figure_names_those_that_are_there(repository: Path) -> None:
    sweep, points = small_points()
    invent("small-1", points[0], {"val_mse": 0.1, "test_mse": 0.1})
    with pytest.raises(LineupError, match="no val_accuracy; expected one of val_mse"):
        find_results("small", sweep, Path("none.csv"))


def test_uncommitted_parameters_or_code_are_refused(repository: Path) -> None:
    refuse_uncommitted()
    (repository / "notes.txt").write_text("anything")
    refuse_uncommitted()
    for path in ("params.yaml", "reports/short.yaml", "stages/train.py"):
        before = (repository / path).read_text()
        (repository / path).write_text(before + "# a remark\n")
        with pytest.raises(LineupError, match=rf"git: {path} not committed"):
            refuse_uncommitted()
        (repository / path).write_text(before)


def run_sweep(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweep.run", *words], capture_output=True, text=True, check=False, timeout=600
    )


def read_statuses(table: Path) -> list[tuple[str, str]]:
    """The experiments of a sweep's table, and how each stands."""
    rows = csv.DictReader(table.read_text().splitlines())
    return [(row["experiment"], row["status"]) for row in rows]


def test_the_queue_runs_what_is_missing_and_takes_up_again_what_has_failed(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").touch()
    first = run_sweep("small", "1")
    assert first.returncode == 1, first.stdout + first.stderr
    assert "1 of 2 points failed; expected all to finish; fix: see dvc queue logs small-2" in first.stderr
    assert "small-1  lr=0.02  finished  val_accuracy 0.98" in first.stdout
    assert "best: small-1 (val_accuracy 0.98)" in first.stdout
    assert list(list_experiments()) == ["small-1"]
    while_running, table = tmp_path / "broken", repository / "metrics/sweeps/small.csv"
    assert read_statuses(while_running) == [("small-1", "finished"), ("small-2", "not run yet")]
    assert read_statuses(table) == [("small-1", "finished"), ("small-2", "failed")]
    assert f"Trained on: {MACHINE} (1)." in (repository / "metrics/sweeps/small.md").read_text()
    assert (repository / "plots/sweeps/small.png").read_bytes().startswith(b"\x89PNG")
    assert git("status", "--porcelain", "--", "params.yaml", "reports", "resolved") == ""

    Running("small", *small_points())._add_missing()
    assert capsys.readouterr().out.splitlines() == [
        "small-1  lr=0.02  finished  val_accuracy 0.98",
        "small-2  lr=1e-05  queued",
    ]
    [again] = queue.list_tasks()[1:]
    assert again.name == "small-2"
    assert again.status in queue.OPEN  # a worker that is still there may have taken it up


def test_no_more_run_at_a_time_than_the_cores_have_room_for(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweep.run.cpu_count", lambda: 4)
    sweep, points = small_points()
    for jobs, threads, fitting in [(2, 1, 2), (9, 1, 4), (3, 2, 2), (2, 8, 1), (1, 8, 1)]:
        recipe = points[1].params.recipes["short"].model_copy(update={"threads": threads})
        params = points[1].params.model_copy(update={"recipes": {"short": recipe}})
        wider = replace(points[1], params=params)
        assert Running("small", sweep, [points[0], wider])._fit(jobs) == fitting


def test_what_else_the_workers_will_run_is_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    named = {"small-1": "queued", "old-1": "queued", "old-2": "running", "old-3": "success"}
    tasks = [queue.Task(name, name, status, None) for name, status in named.items()]
    monkeypatch.setattr(queue, "list_tasks", lambda: tasks)
    Running("small", *small_points())._tell_others()
    assert capsys.readouterr().out.startswith("in the queue, and run as well: old-1, old-2 (dvc queue rem")


def test_a_second_sweep_is_refused_while_one_runs(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with queue.hold():
        refused = run_sweep("small", "1")
        main()  # to list them is no harm
    assert refused.returncode == 1
    assert "another sweep runs in this repository; expected one sweep at a time" in refused.stderr
    assert "small        2 points" in capsys.readouterr().out
    assert not queue.list_tasks()
    with queue.hold():
        pass


def test_workers_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = tmp_path / "pid"
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\nsleep 20 &\necho $! > {pid}\n", encoding="utf-8")
    fake.chmod(0o755)
    monkeypatch.setattr(queue.sys, "executable", str(fake))
    queue.start_workers(1)
    worker = psutil.Process(int(pid.read_text(encoding="utf-8")))
    assert worker.status() != psutil.STATUS_ZOMBIE  # it goes on
    worker.kill()


def test_without_a_name_all_sweeps_are_listed(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert capsys.readouterr().out.splitlines() == [
        "small        2 points of run dense: lr",
        "chosen       3 points of run dense, chosen one after another: lr",
        "soon       waits: run unborn, or what it starts from, is not there yet",
    ]


@pytest.mark.usefixtures("repository")
def test_a_sweep_whose_run_is_not_there_does_not_keep_the_others_from_being_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path("sweeps.yaml")
    path.write_text(path.read_text().replace("run: dense", "run: d3", 1))
    main()
    small, chosen, _ = capsys.readouterr().out.splitlines()
    assert small == "small      cannot run: no run d3 under runs"
    assert chosen.startswith("chosen       3 points of run dense")
    commit()
    with pytest.raises(LineupError, match=r"sweeps\.small\.run: no run 'd3'"):
        main("small")
    path.write_text(path.read_text().replace("run: dense", "run: d3", 1))
    main()
    assert "chosen     cannot run: no run d3 under runs\n" in capsys.readouterr().out


@pytest.mark.usefixtures("repository")
def test_a_waiting_sweep_says_of_its_run_alone_whether_it_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path("sweeps.yaml")
    path.write_text(
        path.read_text().replace("unborn", "dense", 1).replace("recipes.unborn.lr", "recipes.short.lr")
    )
    assert "best: lowest val_mse" in path.read_text()  # which it cannot have
    main()
    assert "soon       waits: run dense is there now: move the sweep up" in capsys.readouterr().out


@pytest.mark.usefixtures("repository")
def test_a_search_with_a_wrong_key_is_not_listed_as_if_it_were_right() -> None:
    path = Path("sweeps.yaml")
    path.write_text(
        path.read_text().replace("runs.dense.augment: [none]\nwaiting", "runs.dense.augmen: [1]\nwaiting")
    )
    with pytest.raises(LineupError, match=r"searches\.chosen\.space.*augmen"):
        main()


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_jobs_is_refused(jobs: str) -> None:
    with pytest.raises(LineupError, match=r"^JOBS: .*; expected a whole number of at least 1; fix: "):
        main("small", jobs)
