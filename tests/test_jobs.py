"""Trainings side by side: who runs when, what a failure or Ctrl-C does, and that the bits are the same."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline import ROOT, TINY, Pipeline
from ruamel.yaml import YAML
from stand_in import StandIn

from jobs.order import BLOCKED, DONE, FAILED, add_followers, find_blocking, group
from jobs.scheduler import Scheduler


@pytest.fixture
def host(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path)


# --- the scheduler ------------------------------------------------------------------------------------------


def test_threads_never_exceed_the_cores_and_a_wider_stage_runs_alone(host: StandIn) -> None:
    threads = {"huge": 9, "wide": 2, "one": 1, "two": 1, "three": 1}
    states = Scheduler(host, 3, cores=2, threads=threads).run(list(threads))
    assert states == dict.fromkeys(threads, DONE)
    together = host.together()
    assert max(sum(threads[stage] for stage in stages) for stages in together - {frozenset({"huge"})}) == 2
    assert any(len(stages) == 2 for stages in together)
    assert not any("huge" in stages for stages in together if len(stages) > 1)


def test_what_fits_overtakes_what_does_not(host: StandIn) -> None:
    Scheduler(host, 2, cores=2, threads={"one": 1, "wide": 2, "two": 1}).run(["one", "wide", "two"])
    begun = [event.split()[1] for event in host.events if event.startswith("begin")]
    assert begun[-1] == "wide"
    assert set(begun) == {"one", "two", "wide"}


@pytest.mark.parametrize(("jobs", "policy"), [(1, "none"), (2, "passive")])
def test_only_stages_side_by_side_wait_passively(host: StandIn, jobs: int, policy: str) -> None:
    Scheduler(host, jobs).run(["one"])
    assert host.events[0] == f"begin one {policy}"


def test_a_failure_is_named_and_the_others_go_on(host: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = Scheduler(host, 1)
    assert scheduler.run(["bad", "one"]) == {"bad": FAILED, "one": DONE}
    assert "it broke" in host.log("bad").read_text()
    assert "bad: failed after 0 s\none: started\none: done after " in capsys.readouterr().out
    assert scheduler.seconds.keys() == {"bad", "one"}


def test_each_begins_once_what_it_needs_is_done(host: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    graph = {"one": ["three"], "two": ["bad", "three"], "three": [], "bad": []}
    states = Scheduler(host, 2).run(list(graph), graph)
    assert states == {"one": DONE, "two": BLOCKED, "three": DONE, "bad": FAILED}
    assert host.events.index("end three") < host.events.index("begin one passive")
    assert "\ntwo: not run, for want of bad\n" in capsys.readouterr().out


SCRIPT = """
from pathlib import Path
from jobs.scheduler import Scheduler
from lineup.console import stage
from stand_in import StandIn
stage(lambda: Scheduler(StandIn(Path.cwd()), 2).run(["slow1", "slow2", "one"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_at_a_checkpoint(host: StandIn, number: signal.Signals) -> None:
    path = os.pathsep.join(str(ROOT / folder) for folder in ("src", "tools", "tests"))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=host.repository, env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while len(host.events) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "slow1: stopping\nslow2: stopping\n" in said
    assert sorted(host.events[2:]) == ["checkpoint slow1", "checkpoint slow2"]


# --- the order --------------------------------------------------------------------------------------------


def test_kinds_follow_what_they_need() -> None:
    graph = {
        "compare": {"evaluate@a", "train@a"}, "evaluate@a": {"train@a"}, "train@b": {"weights@w"},
        "train@a": {"weights@w", "preprocess@v"}, "preprocess@v": set(), "weights@w": {"validate"},
        "validate": set(),
    }  # fmt: skip
    groups = group(graph, "train")
    assert ["train@b", "train@a"] in groups
    order = [name for names in groups for name in names]
    assert sorted(order) == sorted(graph)
    for stage, needed in graph.items():
        for other in needed:
            assert order.index(other) < order.index(stage)


def test_trainings_are_one_group_with_what_hands_weights_on_and_evaluations_another() -> None:
    graph = {
        "compare": {"evaluate@first", "evaluate@tuned", "evaluate@last", "evaluate@other"},
        "evaluate@first": {"train@first"}, "evaluate@tuned": {"train@tuned"},
        "evaluate@other": {"train@other"}, "evaluate@last": {"train@last"},
        "train@tuned": {"weights@handed"}, "train@first": {"weights@none"}, "train@other": {"weights@none"},
        "train@last": {"weights@again"},
        "weights@handed": {"train@first"}, "weights@again": {"train@tuned"}, "weights@none": set(),
    }  # fmt: skip
    assert group(graph, "train") == [
        ["weights@none"],
        [
            "train@tuned", "train@first", "train@other", "train@last", "weights@handed", "weights@again",
        ],
        ["evaluate@first", "evaluate@tuned", "evaluate@other", "evaluate@last"],
        ["compare"],
    ]  # fmt: skip


def test_without_trainings_there_is_no_group_of_them() -> None:
    assert group({"preprocess@v": {"validate"}, "validate": set()}, "train") == [
        ["validate"],
        ["preprocess@v"],
    ]


def test_what_follows_a_stage_is_found_through_others() -> None:
    graph = {"tuned": {"handed"}, "handed": {"first"}, "first": {"none"}, "other": {"none"}, "none": set()}
    assert add_followers({"first"}, graph) == {"first", "handed", "tuned"}
    assert add_followers(set(), graph) == set()


def test_what_needs_a_stage_that_was_not_run_is_not_run_either() -> None:
    assert find_blocking({"a", "b"}, {"a": DONE, "b": FAILED}) == ["b"]
    assert find_blocking({"a"}, {"a": DONE, "b": FAILED}) == []


# --- with DVC ---------------------------------------------------------------------------------------------


def repro(pipeline: Pipeline, jobs: str = "2") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tools")])
    return pipeline.call("env", f"PYTHONPATH={path}", "python", "-m", "jobs.run", jobs)


def lay_out(folder: Path, stages: str, runs: list[str]) -> Pipeline:
    """A pipeline of `stages` with these of the tiny pipeline's runs, waiting ones included."""
    pipeline = Pipeline(folder / "copy")
    pipeline.lay_out(TINY)
    yaml = YAML()
    params = yaml.load(TINY)
    declared = {**params["runs"], **params.pop("waiting")}
    params["runs"] = {name: declared[name] for name in runs}
    params["weights"] |= params.pop("waiting_weights")
    yaml.dump({**params, "waiting": {}, "waiting_weights": {}}, pipeline.path("params.yaml"))
    pipeline.path("dvc.yaml").write_text(stages)
    return pipeline


def read_lock(pipeline: Pipeline) -> dict[str, list[dict[str, str]]]:
    """The outs of every stage that are the same on every machine: no times."""
    stages = YAML(typ="safe").load(pipeline.path("dvc.lock"))["stages"]
    timed = (
        "metrics/training",
        "metrics/latency",
        "metrics/comparison",
        "plots/comparison",
        "plots/report",
        "plots/full_report",
    )
    return {
        name: [out for out in stage["outs"] if not out["path"].startswith(timed)]
        for name, stage in stages.items()
    }


def test_side_by_side_gives_the_same_bits_and_a_complete_lock(pipeline: Pipeline, finished: Pipeline) -> None:
    again = ("train@dense", "train@conv")
    yaml = YAML()
    lock = yaml.load(pipeline.path("dvc.lock"))
    for name in again:
        del lock["stages"][name]
        for out in pipeline.stages()[name].outs:
            pipeline.call("rm", "-r", out.def_path)
    yaml.dump(lock, pipeline.path("dvc.lock"))
    done = repro(pipeline)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[:2]
    assert first == [f"{name}: started" for name in again], "both before one has ended"
    for name in again:
        assert "epoch 1/1" in pipeline.path(f".lineup/logs/{name}.log").read_text(), "trained, not fetched"
    assert read_lock(pipeline) == read_lock(finished)
    assert pipeline.stale() == set()
    # The bits being the same, nothing is evaluated again.
    assert "\ndense: train done (" in done.stdout
    assert "\nlong: train up to date, evaluate up to date\n" in done.stdout
    assert "evaluate@dense: started" not in done.stdout


STAGES = """
stages:
  weights: {cmd: echo w > w, outs: [w]}
  train:
    foreach: ${runs}
    do:
      cmd: "test ${item.recipe} = short && echo ${key} > models-${key}"
      deps: [w]
      outs: ["models-${key}"]
  evaluate:
    foreach: ${runs}
    do: {cmd: "cp models-${key} scores-${key}", deps: ["models-${key}"], outs: ["scores-${key}"]}
  compare: {cmd: cat scores-dense scores-long > table, deps: [scores-dense, scores-long], outs: [table]}
"""


def test_a_failed_run_holds_up_only_what_needs_it(tmp_path: Path) -> None:
    pipeline = lay_out(tmp_path, STAGES, ["dense", "long"])
    done = repro(pipeline)
    assert done.returncode == 1
    assert done.stderr == (
        "error: train@long: failed; expected stages that end well; fix: see .lineup/logs/train@long.log, then"
        " run this again\n"
    )
    summary = done.stdout.splitlines()[-2:]
    assert summary[0].startswith("dense: train done (")
    assert summary[1].endswith("evaluate not run, see .lineup/logs/train@long.log")
    assert not pipeline.path("table").exists()


# tuned starts from what dense has made; long ends well only if tuned is done beside it.
CHAIN = """
stages:
  validate: {cmd: mkdir -p data && touch data/params.valid, outs: [data/params.valid]}
  weights:
    foreach: ${weights}
    do: {cmd: "cp ${item.needs} weights-${key}", deps: ["${item.needs}"], outs: ["weights-${key}"]}
  train:
    foreach: ${runs}
    do:
      cmd: "sh train.sh ${key}"
      deps: ["weights-${item.weights}", "words/${key}"]
      outs: ["models/${key}"]
  evaluate:
    foreach: ${runs}
    do: {cmd: "cp models/${key} scores-${key}", deps: ["models/${key}"], outs: ["scores-${key}"]}
"""
TRAIN = """
mkdir -p models
for attempt in $(seq 200); do
  test $1 != long || test -e models/tuned || { sleep 0.1; continue; }
  exec cp words/$1 models/$1
done
exit 1
"""


def test_a_run_waits_only_for_the_trainings_that_it_starts_from(tmp_path: Path) -> None:
    runs = ["dense", "long", "tuned"]
    pipeline = lay_out(tmp_path, CHAIN, runs)
    pipeline.path("train.sh").write_text(TRAIN)
    pipeline.path("words").mkdir()
    for name in runs:
        pipeline.path(f"words/{name}").write_text(name)
    done = repro(pipeline)
    assert done.returncode == 0, done.stderr
    assert pipeline.stale() == set()
    # And again, where tuned is as dvc.lock says until dense has been trained.
    pipeline.path("words/dense").write_text("changed")
    done = repro(pipeline)
    assert "\nlong: train up to date, evaluate up to date\ntuned: train done (" in done.stdout
    assert pipeline.stale() == set()


def test_a_wrong_number_of_jobs_is_one_line(tmp_path: Path) -> None:
    done = repro(Pipeline(tmp_path), "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: JOBS: '0'; expected a whole number of at least 1; fix: give one\n"
