"""How stages are run and results packed on the other machine, with a shell script in DVC's place."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from bundle import work
from bundle.parts import check_parts, read_parts
from bundle.work import Place, count_jobs, pack_results
from jobs import scheduler
from jobs.order import DONE, STOPPED
from jobs.scheduler import Scheduler
from lineup.errors import LineupError

# Stages by what their names say; each notes when it begins and ends.
STAND_IN = """#!/bin/sh
for stage; do :; done
case "$*" in *repro*) echo "begin $stage" >> ../events;; *) echo "$*" >> ../calls; exit 0;; esac
case $stage in
  *bad*) echo "it broke"; exit 1;;
  *slow*) exec sleep 60;;
  train@long)
    for turn in $(seq 100); do grep -q "begin train@two" ../events && break; sleep 0.05; done
    grep -q "begin train@two" ../events || exit 1;;
  *busy*) if [ ! -e ../seen ]; then touch ../seen; echo "'x' is busy, it is being blocked by: y"; exit 1; fi;;
  weights*) ;;
  *) sleep 0.3;;
esac
echo "end $stage" >> ../events
"""
RUNS = ("one", "two", "three", "bad", "busy", "slow", "long")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(STAND_IN)
    (tmp_path / "bin/python").chmod(0o755)
    runs = {
        run: {
            "stages": [f"train@{run}", f"evaluate@{run}"],
            "plain": [f"metrics/{run}"],
            "kept": [f"models/{run}"],
        }
        for run in RUNS
    }
    graph: dict[str, list[str]] = {name: [] for run in RUNS for name in runs[run]["stages"]}
    graph |= {f"evaluate@{run}": [f"train@{run}"] for run in RUNS}
    facts = {"commit": "abc", "runs": runs, "graph": graph}
    for run in RUNS:
        for name in (f"metrics/{run}", f"models/{run}/file", f".lineup/checkpoints/{run}/seed-0.pt"):
            (tmp_path / "repository" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "repository" / name).write_text(name)
    (tmp_path / "repository/dvc.lock").write_text("stages: {}\n")
    (tmp_path / "remote/files").mkdir(parents=True)
    (tmp_path / "remote/files/stored").write_text("stored")
    return Place(tmp_path, tmp_path / "bin", tmp_path / "results", facts)


def choose(place: Place, *runs: str) -> Place:
    chosen = {run: place.facts["runs"][run] for run in runs}
    stages = {stage for run in runs for stage in chosen[run]["stages"]}
    graph = {stage: needed for stage, needed in place.facts["graph"].items() if stage in stages}
    facts = {**place.facts, "runs": chosen, "graph": graph}
    return Place(place.folder, place.programs, place.results, facts)


def choose_chain(place: Place, first: str, other: str = "three") -> Place:
    """The runs `first`, two, which starts from what `first` produces, and `other`."""
    handed, run = "weights@handed", place.facts["runs"]["two"]
    chain = {**run, "stages": [f"train@{first}", handed, *run["stages"]]}
    graph = {**place.facts["graph"], handed: [f"train@{first}"], "train@two": [handed]}
    runs = {**place.facts["runs"], "two": chain}
    facts = {**place.facts, "runs": runs, "graph": graph}
    return choose(Place(place.folder, place.programs, place.results, facts), first, "two", other)


def count_side_by_side(place: Place) -> int:
    now, most = 0, 0
    for line in (place.folder / "events").read_text().splitlines():
        now += 1 if line.startswith("begin") else -1
        most = max(most, now)
    return most


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_as_many_run_side_by_side_as_asked(place: Place, jobs: int) -> None:
    stages = ["train@one", "train@two", "train@three"]
    assert Scheduler(place, jobs, None).run(stages) == dict.fromkeys(stages, DONE)
    assert count_side_by_side(place) == jobs


def test_what_still_runs_at_the_deadline_is_stopped_and_the_rest_not_begun(place: Place) -> None:
    states = Scheduler(place, 1, work.time.monotonic() + 0.5).run(["train@slow", "train@one"])
    assert states == {"train@slow": STOPPED, "train@one": STOPPED}
    assert (place.folder / "events").read_text() == "begin train@slow\n"


def test_a_stage_that_an_earlier_call_still_works_on_is_waited_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "BUSY_SECONDS", 0.0)
    assert Scheduler(place, 1, None).run(["train@busy"]) == {"train@busy": DONE}
    assert (place.folder / "events").read_text().count("begin") == 2


def test_a_failed_run_is_named_and_the_others_come_back(place: Place) -> None:
    chosen = choose(place, "one", "bad")
    with pytest.raises(LineupError, match=r"^train@bad: failed; .* see .*logs/train@bad\.log"):
        work.work(chosen, jobs=2, minutes=None, limit=10**6)
    assert "it broke" in chosen.log("train@bad").read_text()
    manifest = check_parts(chosen.results)
    assert manifest.facts["finished"] == {"one": {"stages": ["train@one", "evaluate@one"]}}
    assert manifest.facts["unfinished"] == ["bad"]
    calls = (place.folder / "calls").read_text()
    assert "push --quiet --remote travel train@one evaluate@one" in calls
    assert "bad" not in calls


def test_evaluations_are_alone(place: Place) -> None:
    work.work(choose(place, "one", "two"), jobs=2, minutes=None, limit=10**6)
    events = (place.folder / "events").read_text().splitlines()
    assert events[-4:] == ["begin evaluate@one", "end evaluate@one", "begin evaluate@two", "end evaluate@two"]


def test_a_run_that_starts_from_another_comes_after_it(place: Place) -> None:
    work.work(choose_chain(place, "one"), jobs=3, minutes=None, limit=10**6)
    events = (place.folder / "events").read_text().splitlines()
    assert set(events[:2]) == {"begin train@one", "begin train@three"}
    chain = [event for event in events if event.endswith(("@one", "@handed", "@two")) and "train" in event]
    assert chain == ["begin train@one", "end train@one", "begin train@two", "end train@two"]
    assert events.index("end weights@handed") < events.index("begin train@two")
    assert [event for event in events[8:] if event.startswith("begin")] == [
        f"begin evaluate@{run}" for run in ("one", "two", "three")
    ]
    assert set(check_parts(place.results).facts["finished"]) == {"one", "two", "three"}


def test_a_run_does_not_wait_for_trainings_that_it_does_not_start_from(place: Place) -> None:
    work.work(choose_chain(place, "one", "long"), jobs=2, minutes=None, limit=10**6)
    assert set(check_parts(place.results).facts["finished"]) == {"one", "two", "long"}


def test_what_needs_a_failed_training_is_not_begun(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LineupError, match=r"^train@bad: failed;"):
        work.work(choose_chain(place, "bad"), jobs=2, minutes=None, limit=10**6)
    begun = (place.folder / "events").read_text()
    assert not any(f"begin {stage}" in begun for stage in ("weights@handed", "train@two", "evaluate@two"))
    said = capsys.readouterr().out
    assert "weights@handed: not run, for want of train@bad\n" in said
    assert "train@two: not run, for want of weights@handed\n" in said
    facts = check_parts(place.results).facts
    assert (set(facts["finished"]), facts["unfinished"]) == ({"three"}, ["bad", "two"])


def test_what_needs_a_stopped_training_is_not_begun(place: Place) -> None:
    work.work(choose_chain(place, "slow"), jobs=2, minutes=2 / 60, limit=10**6)
    begun = (place.folder / "events").read_text()
    assert {line for line in begun.splitlines() if line.startswith("begin")} == {
        f"begin {stage}" for stage in ("train@slow", "train@three", "evaluate@three")
    }
    assert check_parts(place.results).facts["unfinished"] == ["slow", "two"]


def test_results_hold_what_is_finished_and_the_state_of_what_is_not(place: Place, tmp_path: Path) -> None:
    pack_results(choose(place, "one", "two"), ["one"], 10**6)
    manifest = check_parts(place.results)
    read_parts(manifest, place.results, tmp_path / "back")
    back = {
        str(path.relative_to(tmp_path / "back")) for path in (tmp_path / "back").rglob("*") if path.is_file()
    }
    assert back == {
        "dvc.lock",
        "remote/files/stored",
        "tree/metrics/one",
        "unfinished/two/models/two/file",
        "unfinished/two/.lineup/checkpoints/two/seed-0.pt",
    }


@pytest.mark.parametrize(
    ("cores", "memory", "accelerator", "jobs"),
    [
        (16, 64, None, 6),
        (4, 64, None, 2),
        (1, 64, None, 1),
        (16, 9, None, 2),
        (16, 64, 30, 3),
        (16, 64, 1, 1),
    ],
)
def test_as_many_side_by_side_as_the_machine_holds(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    memory: int,
    accelerator: int | None,
    jobs: int,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores))
    monkeypatch.setattr(work, "_free_memory", lambda: memory * 2**30)
    said = "" if accelerator is None else str(accelerator * 2**30)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=said))
    assert count_jobs(place, 6) == jobs


def test_free_memory_is_read_from_the_system() -> None:
    assert 2**20 < work._free_memory() < 2**60
