"""Declared grids: what is refused, which points there are, what counts as a result, and DVC's real queue."""

import csv
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psutil
import pytest
from dvc.utils.hydra import apply_overrides
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from pipeline import ROOT, TINY

from lineup.config.params import parse
from lineup.errors import LineupError
from sweep import queue
from sweep.identity import identify, identify_revision, list_code, refuse_uncommitted
from sweep.picture import BEST, draw
from sweep.plan import Point, Search, Sweep, load_sweeps, make_points, pick_sweep, place
from sweep.results import (
    FINISHED,
    Result,
    Row,
    choose,
    find_results,
    format_csv,
    format_markdown,
    list_experiments,
)
from sweep.run import Running, main, run_search
from sweep.search import Values, propose
from workspace import lay_out

SWEEPS = """sweeps:
  small:
    run: later
    best: highest val_accuracy
    grid:
      recipes.short.lr: [0.02, 0.00001]
      runs.later.augment: [none]
searches:
  chosen:
    run: later
    best: highest val_accuracy
    points: 3
    space:
      recipes.short.lr: {low: 0.001, high: 0.1, log: true}
      runs.later.augment: [none]
waiting:
  soon:
    run: unborn
    best: lowest val_mse
    grid: {recipes.unborn.lr: [1.0]}
"""
PARAMS: dict[str, Any] = parse(TINY.read_text(), TINY)
# Instead of a training: with the rate, accuracy falls on validation and rises on test; a file makes it fail,
# once the sweep has written its table, which is kept in that file.
SCORE = """
import json, os, sys, time
from pathlib import Path
from ruamel.yaml import YAML
lr = YAML(typ="safe").load(Path("params.yaml"))["recipes"]["short"]["lr"]
print("later seed 0  epoch 1/1  loss 1.0", flush=True)
broken, table = Path(os.environ["BROKEN"]), Path(os.environ["TABLE"])
if lr < 0.001 and broken.exists():
    deadline = time.monotonic() + 60
    while not table.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    broken.write_text(table.read_text())
    sys.exit("broken")
for path, found in {
    "metrics/runs/later.json": {"val_accuracy": 1 - lr, "test_accuracy": lr},
    "metrics/training/later.json": json.loads(os.environ["TRAINING"]),
}.items():
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(found))
"""
# What train records of where it ran, as far as it is read.
CPU = {"device": "cpu", "processor": "Abacus", "torch": "2.15.0"}
TRAINING = {"seeds": {"0": {"environment": CPU}, "1": {"environment": CPU}}}
MACHINE = "Abacus, torch 2.15.0"
STAGE = """stages:
  evaluate:
    foreach: ${runs}
    do:
      cmd: python score.py ${key}
      deps: [score.py]
      params: [recipes, "runs.${key}"]
      metrics: ["metrics/runs/${key}.json": {cache: false}]
      outs: ["metrics/training/${key}.json": {cache: false}]
"""


def small(**changes: Any) -> Sweep:
    made = {"run": "dense", "best": "highest val_accuracy", "grid": {"recipes.short.lr": [0.1, 0.2]}}
    return Sweep.model_validate({**made, **changes})


def rows(sweep: Sweep, figures: list[tuple[float, float] | None]) -> list[Row]:
    points = make_points("s", sweep, PARAMS)
    assert len(points) == len(figures)
    return [
        Row(
            point,
            f"id{point.number}",
            FINISHED,
            f"s-{point.number}",
            Result(f"s-{point.number}", *pair, MACHINE),
        )
        if pair
        else Row(point, f"id{point.number}", "failed", f"s-{point.number}", None)
        for point, pair in zip(points, figures, strict=True)
    ]


# --- sweeps.yaml ----------------------------------------------------------------------------------------


def test_every_grid_of_the_reports_is_declared_and_fits_the_parameters() -> None:
    params = parse((ROOT / "params.yaml").read_text(), ROOT / "params.yaml")
    sweeps = load_sweeps(ROOT / "sweeps.yaml")
    counts = {name: len(make_points(name, sweep, params)) for name, sweep in sweeps.sweeps.items()}
    assert counts.items() >= {"a7": 9, "e1": 16, "e2": 16, "e3": 16}.items()


def test_the_grid_that_waits_is_the_eight_points_declared_as_runs() -> None:
    params = parse((ROOT / "params.yaml").read_text(), ROOT / "params.yaml")
    # Weights that wait for no other run, so that its points can be made now.
    source = "imagenet_efficientnet"
    {**params["waiting"], **params["runs"]}["a5"]["weights"] = source
    params["weights"].setdefault(source, params["waiting_weights"].pop(source, None))
    sweeps = load_sweeps(ROOT / "sweeps.yaml")
    points = make_points("a5", {**sweeps.waiting, **sweeps.sweeps}["a5"], params)
    names = ["a5", *(f"a5_{number}" for number in range(2, 9))]
    declared = [params["recipes"][name] for name in names]
    found = [point.params["recipes"]["a5"] for point in points]
    assert len(found) == 8
    assert all(recipe in declared for recipe in found)
    assert all(recipe in found for recipe in declared)


WRONG = {
    "key": ("best: high", "bets: high", "bets: unknown key; expected a key of the schema; fix: did you"),
    "test": ("highest val_accuracy", "highest test_accuracy", "expected a figure of validation, since"),
    "metric": ("highest val_accuracy", "highest val_acuracy", "fix: did you mean highest val_accuracy"),
    "direction": ("highest val_accuracy", "lowest val_accuracy", "sweeps.small.best: 'lowest val_accuracy'"),
    "no values": ("[0.02, 0.00001]", "[]", "sweeps.small.grid.recipes.short.lr: []; expected"),
    "name": ("  small:", "  sma-ll:", "sweeps.sma-ll: 'sma-ll'"),
    "twice": ("    run: later", "    run: later\n    run: long", "sweeps.yaml line 4"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "sweeps.yaml"
    assert old in SWEEPS
    path.write_text(SWEEPS.replace(old, new, 1))
    with pytest.raises(LineupError) as caught:
        load_sweeps(path)
    assert message in str(caught.value)
    assert all("; fix: " in line for line in str(caught.value).splitlines())


def test_a_waiting_or_unknown_sweep_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "sweeps.yaml").write_text(SWEEPS)
    sweeps = load_sweeps(tmp_path / "sweeps.yaml")
    with pytest.raises(LineupError, match=r"waiting\.soon: waits; .* declare run unborn"):
        pick_sweep(sweeps, "soon")
    with pytest.raises(LineupError, match="did you mean small"):
        pick_sweep(sweeps, "smal")


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "run": ({"run": "dens"}, "run: no run 'dens'; expected a run of params.yaml; fix: did you mean dense"),
    "key": ({"grid": {"recipes.short.rl": [1.0]}}, "recipes.short.rl: no 'rl' there; expected a key"),
    "entry": ({"grid": {"recipes.shorts.lr": [1.0]}}, "no 'shorts' there; .* did you mean short"),
    "too deep": ({"grid": {"recipes.short.lr.x": [1.0]}}, "no 'x' there"),
    "value": ({"grid": {"recipes.short.lr": ["fast"]}}, "recipes.short.lr: the text 'fast'; expected a numb"),
    "name": ({"grid": {"runs.dense.augment": ["nine"]}}, "runs.dense.augment: unknown name 'nine'"),
    "unread": ({"grid": {"recipes.long.lr": [0.1, 0.2]}}, "points 1 and 2 train the same"),
    "same": ({"grid": {"recipes.short.lr": [0.1, 1e-1]}}, "points 1 and 2 train the same"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_a_grid_that_does_not_fit_the_parameters_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LineupError, match=message) as caught:
        make_points("s", small(**changes), PARAMS)
    assert str(caught.value).startswith("sweeps.yaml: sweeps.s.")
    assert "\n" not in str(caught.value)


def test_points_are_all_combinations_in_order() -> None:
    sweep = small(grid={"recipes.short.lr": [0.1, 0.2], "recipes.short.optimizer": ["sgd", "adam"]})
    points = make_points("s", sweep, PARAMS)
    assert [tuple(point.values.values()) for point in points] == [
        (0.1, "sgd"), (0.1, "adam"), (0.2, "sgd"), (0.2, "adam"),
    ]  # fmt: skip
    assert PARAMS["recipes"]["short"]["lr"] == 0.01


@pytest.mark.parametrize("run", ["dense", "later"])
def test_dvc_makes_the_same_parameters_of_the_overrides(tmp_path: Path, run: str) -> None:
    grid = {"recipes.short.lr": [0.00001], f"runs.{run}.seeds": [[0, 4]], "recipes.short.keep": ["best"],
            "runtime.channels_last": [False]}  # fmt: skip
    [point] = make_points("s", small(run=run, grid=grid), PARAMS)
    shutil.copy(TINY, tmp_path / "params.yaml")
    apply_overrides(str(tmp_path / "params.yaml"), list(point.overrides))
    assert parse((tmp_path / "params.yaml").read_text(), TINY) == point.params
    assert point.params["runs"][run]["seeds"] == [0, 4]


# --- results --------------------------------------------------------------------------------------------


def test_validation_chooses_and_test_does_not() -> None:
    made = rows(small(), [(0.8, 0.1), (0.7, 0.9)])
    assert choose(small(), made) is made[0]
    lowest = small(best="lowest val_loss")
    assert choose(lowest, made) is made[1]
    assert choose(small(), rows(small(), [None, None])) is None


def test_the_table_has_every_point_and_marks_the_best() -> None:
    sweep = small()
    made = rows(sweep, [None, (0.7, 0.9)])
    table = list(csv.DictReader(format_csv(sweep, made).splitlines()))
    assert [(row["status"], row["best"]) for row in table] == [("failed", ""), ("finished", "yes")]
    assert table[1] == {
        "point": "2", "experiment": "s-2", "status": "finished", "recipes.short.lr": "0.2", "seeds": "0",
        "val_accuracy": "0.7", "test_accuracy": "0.9", "best": "yes", "machine": MACHINE,
        "identity": "id2",
    }  # fmt: skip
    lines = format_markdown("s", sweep, made).splitlines()
    assert lines[0] == "# Sweep s: 1 of 2 points of run dense"
    assert lines[-4:] == [
        "| s-2 | 0.2 | 0 | 0.7 | 0.9 | **best** |",
        "| s-1 | 0.1 | 0 |  |  | failed |",
        "",
        f"Trained on: {MACHINE} (1).",
    ]
    assert "Trained" not in format_markdown("s", sweep, rows(sweep, [None, None]))


def test_two_parameters_are_a_heatmap_with_the_best_framed() -> None:
    sweep = small(grid={"recipes.short.lr": [0.1, 0.2], "recipes.short.optimizer": ["sgd", "adam"]})
    [axes] = draw("s", sweep, rows(sweep, [(0.5, 0), (0.6, 0), None, (0.4, 0)])).axes
    assert [text.get_text() for text in axes.texts] == ["0.5", "0.6", "0.4"]
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle) and not patch.get_fill()]
    assert [frame.get_xy() for frame in frames] == [(0.5, -0.5)]
    assert axes.get_xlabel() == "optimizer"


def test_more_parameters_are_parallel_coordinates_with_the_best_in_orange() -> None:
    keys = {"recipes.short.lr": [0.1, 0.2], "recipes.short.optimizer": ["sgd", "adam"]}
    sweep = small(grid={**keys, "recipes.short.ema": [0.0, 0.5]}, best="lowest val_loss")
    figures = [(place / 10, 0.0) for place in range(8)]
    [axes] = draw("s", sweep, rows(sweep, [*figures[:7], None])).axes
    paths = [line for line in axes.lines if np.size(line.get_xdata()) == 4]
    assert len(paths) == 7
    assert [line for line in paths if line.get_color() == BEST] == [paths[0]]
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "lr",
        "optimizer",
        "ema",
        "val_loss",
    ]


def test_many_numbers_are_drawn_to_scale_and_only_ends_and_best_are_written() -> None:
    rates: list[Any] = [0.001, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1]
    sweep = small(
        grid={"recipes.short.lr": rates, "recipes.short.momentum": [0.5], "recipes.short.ema": [0.0]}
    )
    figures = [(0.1, 0.0), (0.7, 0.0), *[(0.2, 0.0)] * 5]
    [axes] = draw("s", sweep, rows(sweep, figures)).axes
    assert [text.get_text() for text in axes.texts] == ["0.001", "0.01", "0.1", "0.1", "0.7"]
    [middle] = [text for text in axes.texts if isinstance(text, Annotation) and text.get_text() == "0.01"]
    assert middle.xy[1] == pytest.approx(0.5)  # by its logarithm


# --- a repository ---------------------------------------------------------------------------------------


def git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed copy of the pipeline, tiny, whose evaluate takes no time; it is the current folder."""
    folder = tmp_path / "copy"
    lay_out(folder, TINY)
    for name in (".dvc/config", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    for name, text in {"sweeps.yaml": SWEEPS, "score.py": SCORE, "dvc.yaml": STAGE}.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BROKEN", str(tmp_path / "broken"))
    monkeypatch.setenv("TABLE", str(folder / "metrics/sweeps/small.csv"))
    monkeypatch.setenv("TRAINING", json.dumps(TRAINING))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "src"), str(ROOT / "tools")]))
    git("init", "-q")
    git("config", "user.name", "test")
    git("config", "user.email", "test@localhost")
    commit()
    return folder


def commit() -> None:
    git("add", "-A")
    git("commit", "-qm", "all", "--no-verify")


def small_points() -> tuple[Sweep, list[Point]]:
    sweep = load_sweeps().sweeps["small"]
    return sweep, make_points("small", sweep, parse(Path("params.yaml").read_text(), TINY))


def invent(name: str, point: Point, figures: dict[str, float]) -> None:
    """Make an experiment of `point`, as DVC leaves one, without running it."""
    base = git("rev-parse", "HEAD")
    for path, found in {"metrics/runs/later.json": figures, "metrics/training/later.json": TRAINING}.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(json.dumps(found))
    # JSON is YAML.
    Path("params.yaml").write_text(json.dumps(point.params))
    commit()
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
    git("reset", "-q", "--hard", base)


CODE = ("src/lineup/training/fit.py", "src/lineup/models/mlp.py")


def find(sweep: Sweep, points: list[Point]) -> list[Result | None]:
    """What is known of each point, for the code of the last commit."""
    results = find_results("small", sweep, CODE, Path("metrics/sweeps/small.csv"))
    head = git("rev-parse", "HEAD")
    return [results.get(str(identify(point.params, "later", head, CODE))) for point in points]


def test_an_experiment_counts_while_parameters_and_code_are_the_same(repository: Path) -> None:
    sweep, points = small_points()
    invent("small-7", points[1], {"val_accuracy": 0.5, "test_accuracy": 0.4})
    invent("other-1", points[0], {"val_accuracy": 0.9, "test_accuracy": 0.9})
    expected = [None, Result("small-7", 0.5, 0.4, MACHINE)]
    assert find(sweep, points) == expected
    assert identify_revision(git("rev-parse", "HEAD"), "later", CODE) is None  # there the run still waits

    (repository / "src/lineup/console.py").write_text("# not among the code\n")
    commit()
    assert find(sweep, points) == expected
    (repository / CODE[1]).write_text("# other code\n")
    commit()
    assert find(sweep, points) == [None, None]


def test_a_fresh_clone_takes_results_from_the_committed_table(repository: Path) -> None:
    sweep, points = small_points()
    identity = str(identify(points[0].params, "later", git("rev-parse", "HEAD"), CODE))
    result = Result("small-1", 0.5, 0.4, MACHINE)
    table = repository / "metrics/sweeps/small.csv"
    table.parent.mkdir(parents=True)
    table.write_text(format_csv(sweep, [Row(points[0], identity, FINISHED, "small-1", result)]))
    assert find_results("small", sweep, CODE, table) == {identity: result}
    other = sweep.model_copy(update={"best": "lowest val_loss"})
    assert find_results("small", other, CODE, table) == {}


def test_a_missing_figure_names_those_that_are_there(repository: Path) -> None:
    sweep, points = small_points()
    invent("small-1", points[0], {"val_mse": 0.1, "test_mse": 0.1})
    with pytest.raises(LineupError, match="no val_accuracy; expected one of val_mse"):
        find_results("small", sweep, CODE, Path("none.csv"))


def test_uncommitted_parameters_or_code_are_refused(repository: Path) -> None:
    refuse_uncommitted()
    (repository / "notes.txt").write_text("anything")
    refuse_uncommitted()
    (repository / "params.yaml").write_text(TINY.read_text() + "# a remark\n")
    with pytest.raises(LineupError, match=r"git: params.yaml not committed"):
        refuse_uncommitted()


def run_sweep(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweep.run", *words], capture_output=True, text=True, check=False, timeout=600
    )


def read_statuses(table: Path) -> list[tuple[str, str]]:
    """The experiments of a sweep's table, and how each stands."""
    rows = csv.DictReader(table.read_text().splitlines())
    return [(row["experiment"], row["status"]) for row in rows]


def test_the_code_is_what_such_a_training_loads(repository: Path) -> None:
    _, points = small_points()
    code = list_code("later", points)
    assert {"src/lineup/training/fit.py", "src/lineup/models/mlp.py", "src/lineup/runtime.py"} < set(code)
    assert not [file for file in code if "comparison" in file or "cnn" in file or "console" in file]


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
    assert git("status", "--porcelain", "--", "params.yaml") == ""

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
    running = Running("small", sweep, points)
    for jobs, threads, fitting in [(2, 1, 2), (9, 1, 4), (3, 2, 2), (2, 8, 1), (1, 8, 1)]:
        points[1].params["recipes"]["short"]["threads"] = threads
        assert running._fit(jobs) == fitting


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
        "small        2 points of run later: lr",
        "chosen       3 points of run later, chosen one after another: lr",
        "soon       waits: run unborn, or what it starts from, is not there yet",
    ]


@pytest.mark.usefixtures("repository")
def test_a_sweep_whose_run_is_not_there_does_not_keep_the_others_from_being_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path("sweeps.yaml")
    path.write_text(path.read_text().replace("run: later", "run: d3", 1))
    main()
    small, chosen, _ = capsys.readouterr().out.splitlines()
    assert small == "small      cannot run: no run d3"
    assert chosen.startswith("chosen       3 points of run later")
    commit()
    with pytest.raises(LineupError, match=r"sweeps\.small\.run: no run 'd3'"):
        main("small")
    path.write_text(path.read_text().replace("run: later", "run: d3", 1))
    main()
    assert "chosen     cannot run: no run d3\n" in capsys.readouterr().out


@pytest.mark.usefixtures("repository")
def test_a_search_with_a_wrong_key_is_not_listed_as_if_it_were_right() -> None:
    path = Path("sweeps.yaml")
    path.write_text(
        path.read_text().replace("runs.later.augment: [none]\nwaiting", "runs.later.augmen: [1]\nwaiting")
    )
    with pytest.raises(LineupError, match=r"searches\.chosen\.space.*augmen"):
        main()


# --- searches -------------------------------------------------------------------------------------------


def search(**changes: Any) -> Search:
    space = {
        "recipes.short.lr": {"low": 0.001, "high": 0.1, "log": True},
        "recipes.short.batch_size": {"low": 8, "high": 64, "log": False},
        "runs.dense.seeds": [[0], [0, 1]],
    }
    made = {"run": "dense", "best": "highest val_accuracy", "points": 40, "space": space}
    return Search.model_validate({**made, **changes})


def try_all(wanted: Search) -> list[tuple[Values, float]]:
    """Search by a figure that is best at a rate of 0.01 and two seeds."""
    told: list[tuple[Values, float]] = []
    while chosen := propose(wanted, told):
        for values in chosen:
            rate, seeds = values["recipes.short.lr"], values["runs.dense.seeds"]
            assert isinstance(rate, float)
            told.append((values, (seeds == [0, 1]) - abs(math.log10(rate) + 2)))
    return told


def test_a_search_stays_in_its_space_comes_near_the_best_and_can_be_repeated() -> None:
    told = try_all(search())
    assert len(told) == 40
    for values, _ in told:
        rate, size = values["recipes.short.lr"], values["recipes.short.batch_size"]
        assert isinstance(rate, float)
        assert 0.001 <= rate <= 0.1
        assert rate == float(f"{rate:.3g}")
        assert size in range(8, 65)
    figures = [figure for _, figure in told]
    assert max(figures) > 0.95
    assert np.mean(figures[20:]) > np.mean(figures[:10]) + 0.2, "what was found must guide what is tried"
    assert try_all(search()) == told


def test_the_lowest_figure_is_looked_for_where_it_is_the_best() -> None:
    one = [({"recipes.short.lr": rate}, rate) for rate in (0.002, 0.09, 0.05, 0.04)] * 3
    space = {"recipes.short.lr": {"low": 0.001, "high": 0.1, "log": True}}
    chosen = [
        np.mean([values["recipes.short.lr"] for values in propose(search(best=best, space=space), one)])
        for best in ("lowest val_loss", "highest val_accuracy")
    ]
    assert chosen[0] < chosen[1]


def test_the_points_of_a_search_are_a_sweep_of_what_was_tried() -> None:
    combinations: list[Values] = [
        {"recipes.short.lr": rate, "recipes.short.batch_size": 8, "runs.dense.seeds": [0]}
        for rate in (0.05, 0.002, 0.05)
    ]
    points = place("sweeps.yaml: searches.s", "space", "dense", combinations, PARAMS)
    assert [point.params["recipes"]["short"]["lr"] for point in points] == [0.05, 0.002, 0.05]
    assert search().list_tried(points).grid == {
        "recipes.short.lr": [0.002, 0.05], "recipes.short.batch_size": [8], "runs.dense.seeds": [[0]],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"), [("low: 0.001", "low: 0.1"), ("low: 0.001", "low: -1.0"), ("high: 0.1, ", "")]
)
def test_a_wrong_space_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in SWEEPS
    (tmp_path / "sweeps.yaml").write_text(SWEEPS.replace(old, new))
    with pytest.raises(LineupError, match=r"sweeps\.yaml: searches\.chosen\.space\.recipes\.short\.lr"):
        load_sweeps(tmp_path / "sweeps.yaml")


class Quick:
    """In place of DVC's queue: a point gives less the higher its rate, and those listed in `failing` fail."""

    rounds: ClassVar[list[int]] = []
    failing: ClassVar[set[int]] = set()

    def __init__(self, name: str, sweep: Sweep, points: list[Point]) -> None:
        self.points = points

    def finish(self, jobs: int) -> list[Row]:
        self.rounds.append(len(self.points))
        return [self._row(point) for point in self.points]

    def _row(self, point: Point) -> Row:
        rate = float(str(point.values["recipes.short.lr"]))
        if point.number in self.failing:
            return Row(point, str(rate), "failed", f"s-{point.number}", None)
        return Row(point, str(rate), FINISHED, f"s-{point.number}", Result("s", 1 - rate, rate, MACHINE))


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Quick]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Quick, "rounds", [])
    monkeypatch.setattr("sweep.run.Running", Quick)
    monkeypatch.setattr("sweep.run.list_experiments", dict)
    return Quick


def test_a_search_goes_round_by_round(quick: type[Quick]) -> None:
    run_search("s", search(points=6), PARAMS, 2)
    assert quick.rounds == [4, 6]
    rows = list(csv.DictReader(Path("metrics/sweeps/s.csv").read_text().splitlines()))
    assert [row["experiment"] for row in rows] == [f"s-{number}" for number in range(1, 7)]
    best = min(rows, key=lambda row: float(row["recipes.short.lr"]))
    assert [row["best"] for row in rows] == ["yes" if row is best else "" for row in rows]


def test_rounds_whose_results_are_known_leave_the_table_of_later_ones(
    quick: type[Quick], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr("sweep.run.write", lambda name, sweep, rows: written.append(len(rows)))
    run_search("s", search(points=10), PARAMS, 1)
    assert quick.rounds == [4, 8, 10]
    assert written == [10], "a clone reads its results from that table"


def test_a_search_does_not_go_on_from_a_round_with_a_failed_point(
    quick: type[Quick], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "failing", {2})
    with pytest.raises(LineupError, match="1 of 4 points failed"):
        run_search("s", search(points=6), PARAMS, 1)
    assert quick.rounds == [4]
    assert "failed" in Path("metrics/sweeps/s.csv").read_text()


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_jobs_is_refused(jobs: str) -> None:
    with pytest.raises(LineupError, match=r"^JOBS: .*; expected a whole number of at least 1; fix: "):
        main("small", jobs)
