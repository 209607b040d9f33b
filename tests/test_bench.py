"""The benchmark: its arithmetic, its rounds, the file it writes, and a run of milliseconds."""

import json
import math
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from bench import child, others, rounds, run
from bench.child import Child
from bench.job import VIEW, Job
from bench.report import Spread
from bench.roles import PEAK_FLOPS, split_epochs
from bench.rounds import GOALS, Round, compare, keep_quietest, measure, rotate, summarise
from bench.run import main
from lineup.console import Stopped
from lineup.data.dataset import ImageDataset, write_dataset
from lineup.errors import LineupError

PARAMS = """
runtime: {device: cpu}
datasets: {}
views: {}
weights: {}
models:
  cnn: {d3: {dropout: 0.1, layers: [conv 4, pool, gap]}}
  timm: {resnet18: {arch: resnet18, stem: cifar}}
recipes: {}
runs: {}
"""


def rounds_of(others: Sequence[float]) -> list[Round]:
    return [Round({"ours": 2.0, "usual": 1.0}, each) for each in others]


def test_ratios_are_taken_within_rounds() -> None:
    speeds = [(10.0, 5.0), (100.0, 25.0), (9.0, 3.0)]  # the second on a machine ten times as fast
    rounds = [Round({"ours": ours, "usual": usual}, 0.0) for ours, usual in speeds]
    assert compare(rounds, "ours", "usual") == Spread(3.0, 2.0, 4.0)
    assert compare(rounds, "usual", "ours") == Spread(1 / 3, 1 / 4, 1 / 2)


def test_an_even_number_of_rounds_has_the_median_between_two() -> None:
    assert Spread.of([1.0, 2.0, 4.0, 8.0]) == Spread(3.0, 1.0, 8.0)


def test_everyone_has_every_place_equally_often() -> None:
    orders = [order for order, _ in zip(rotate("abc"), range(6), strict=False)]
    assert orders[:4] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]
    for place in zip(*orders, strict=True):
        assert sorted(place) == ["a", "a", "b", "b", "c", "c"]


def test_disturbed_rounds_give_way_to_quiet_ones() -> None:
    done = rounds_of([0.9, 0.0, 0.3, 0.01])
    assert [each.others for each in keep_quietest(done, 2)] == [0.0, 0.01]
    assert [each.others for each in keep_quietest(done, 3)] == [0.0, 0.01, 0.3]
    summary = summarise(done, 3, "images", 128)
    assert (summary.rounds, summary.repeated_rounds, summary.disturbed_rounds) == (3, 1, 1)
    assert summary.speeds == {"usual": Spread(128, 128, 128), "ours": Spread(256, 256, 256)}
    assert summary.ratios == {"ours/usual": Spread(2, 2, 2)}


def test_fewer_rounds_than_asked_for_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(others, "PROC", tmp_path)
    summary = summarise(rounds_of([0.9, 0.0]), 3, "images", 128)
    assert (summary.rounds, summary.repeated_rounds, summary.disturbed_rounds) == (2, 0, None)


@pytest.mark.parametrize(
    ("cores", "count"),
    [([0.0] * 3, 3), ([0.9, 0.0, 0.9, 0.0, 0.0], 5), ([0.9] * 6, 6)],
    ids=["quiet", "two disturbed", "all disturbed"],
)
def test_disturbed_rounds_are_repeated(
    monkeypatch: pytest.MonkeyPatch, cores: list[float], count: int
) -> None:
    coming = iter(rounds_of([*cores, *[0.0] * 9]))
    monkeypatch.setattr(rounds, "measure_round", lambda *_: next(coming))
    assert len(measure("d3", [Job("ours", "cpu", 1)], 3, 1.0, math.inf)) == count


def test_what_was_measured_within_the_limit_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    coming = iter(rounds_of([0.0, 0.9]))

    def measure_round(*_: object) -> Round:
        for each in coming:
            return each
        raise TimeoutError

    monkeypatch.setattr(rounds, "measure_round", measure_round)
    assert len(measure("d3", [Job("ours", "cpu", 1)], 7, 1.0, 60.0)) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "d3: 60 seconds are over"
    with pytest.raises(LineupError, match=r"^bench: d3: no round in 60 seconds; expected at least one; fix"):
        measure("d3", [Job("ours", "cpu", 1)], 7, 1.0, 60.0)


def test_a_process_ends_when_its_parent_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "STOP_SECONDS", 600.0)
    with Child(Job("peak_fp32", "cpu", 1), math.inf) as left:
        left.connection.close()
    assert left.process.exitcode == 0


def test_a_process_is_given_up_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "STOP_SECONDS", 0.0)
    job = Job("peak_fp32", "cpu", 1)
    with Child(job, time.monotonic() + 0.2) as busy, pytest.raises(TimeoutError):
        busy.measure(10**6)
    assert busy.process.exitcode == -15


@pytest.mark.parametrize(("steps", "lengths"), [(3, [3]), (5, [5]), (12, [5, 5, 2])])
def test_steps_are_split_into_epochs(steps: int, lengths: list[int]) -> None:
    assert split_epochs(steps, 5) == lengths


def test_time_that_was_not_the_benchmarks_is_that_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.getpid()
    # Number: parent and ticks as user, system, and the same of children that have ended.
    processes = {1: (0, 900), me: (1, 10), me + 1: (me, 20), me + 2: (me + 1, 40), me + 3: (1, 500)}
    for number, (parent, ticks) in processes.items():
        fields = ["S", str(parent), *["0"] * 9, str(ticks), "1", "2", "3", *["9"] * 30]
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} (a) b) {' '.join(fields)}\n")
    (tmp_path / "stat").write_text("cpu  1000 200 30 70000 8000 4 5 600 1000 200\ncpu0 1 1 1\n")
    monkeypatch.setattr(others, "PROC", tmp_path)
    own = 10 + 20 + 40 + 3 * (1 + 2 + 3)
    assert others.read_others() * os.sysconf("SC_CLK_TCK") == pytest.approx(1839 - own)


def test_nothing_is_known_of_others_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "PROC", tmp_path)
    assert others.read_others() == 0


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny model and 400 tiny images, on which the benchmark does not wait for quiet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(child, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(rounds, "OTHERS_ALLOWED", float("inf"))
    for limit in ("PEAK_SECONDS", "MODEL_SECONDS"):
        monkeypatch.setattr(run, limit, 1000.0)  # whatever else the machine computes
    (tmp_path / "params.yaml").write_text(PARAMS)
    images, numbers = torch.zeros(400, 8, 8, 3, dtype=torch.uint8), torch.arange(400)
    facts = ((0.0,) * 3, (255.0,) * 3) * 2
    write_dataset(ImageDataset(images, numbers % 2, numbers, numbers % 5 == 0, ("a", "b"), *facts), VIEW)
    return tmp_path


def test_a_run_measures_every_role(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main("--models", "d3", "--rounds", "1", "--seconds", "0.02", "--write", "metrics/bench.json")
    report = json.loads((workplace / "metrics/bench.json").read_text())
    peak, d3 = report["results"]["peak"], report["results"]["d3"]
    assert list(d3["speeds"]) == ["usual", "ours_fp32", "ours", "limit_fp32", "limit"]
    assert list(peak["speeds"]) == ["peak_fp32", "peak_bf16"]
    assert (d3["unit"], peak["unit"]) == ("images/s", "GFLOP/s")
    for spread in (*d3["speeds"].values(), *d3["ratios"].values()):
        assert 0 < spread["minimum"] <= spread["median"] <= spread["maximum"]
    assert set(d3["ratios"]) == {*GOALS}
    assert report["environment"]["threads"] == 1
    assert report["environment"]["images"] == str(VIEW)
    shown = capsys.readouterr().out
    assert "ours_fp32 / usual" in shown
    assert "≥ 2.5" in shown


def test_a_process_that_dies_is_named(workplace: Path) -> None:
    job, match = Job("limit", "cpu", 1, workplace / "missing"), r"bench: limit: .* ended with status 1"
    with Child(job, time.monotonic() + 600) as child, pytest.raises(LineupError, match=match):
        child.measure(1)


Bench = Callable[..., list[str]]


@pytest.fixture
def bench(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Run the benchmark with figures made up: each as fast as `speed`; stopped where `stop` is due.

    Gives the names of what was measured.
    """

    def bench(*words: str, speed: float = 1.0, stop: str = "") -> list[str]:
        measured = []

        def measure(name: str, jobs: Sequence[Job], *_: object) -> list[Round]:
            if name == stop:
                raise Stopped(15)
            measured.append(name)
            return [Round({job.role: speed for job in jobs}, 0.0)]

        monkeypatch.setattr(run, "measure", measure)
        try:
            main("--write", "bench.json", *words)
        except Stopped:
            measured.append("stopped")
        return measured

    return bench


def speeds() -> dict[str, float]:
    """By name, what the file says of the first role."""
    results = json.loads(Path("bench.json").read_text())["results"]
    return {name: next(iter(result["speeds"].values()))["median"] for name, result in results.items()}


def test_a_stopped_run_keeps_the_results_it_has(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(stop="resnet18") == ["d3", "stopped"]
    assert list(speeds()) == ["d3"]
    assert "images/s" in capsys.readouterr().out


def test_results_of_the_same_environment_stay(bench: Bench) -> None:
    assert bench() == ["d3", "resnet18", "peak"]
    assert bench("--models", "d3", speed=2.0) == ["d3"]
    assert speeds() == {"d3": 256.0, "resnet18": 128.0, "peak": pytest.approx(PEAK_FLOPS / 1e9, abs=1e-4)}


def test_the_peak_is_measured_where_it_is_missing_or_is_named(bench: Bench) -> None:
    assert bench("--models", "resnet18", "d3", "d3") == ["d3", "resnet18", "peak"]
    assert bench("--models", "d3", stop="d3") == ["stopped"]
    assert bench("--models", "peak") == ["peak"]


def test_results_of_another_environment_do_not_stay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench("--models", "d3")
    assert "anew" not in capsys.readouterr().out
    monkeypatch.setenv("LINEUP_COMMIT", "another")
    VIEW.unlink()
    assert bench("--models", "resnet18") == ["resnet18", "peak"]
    said = "bench.json starts anew: what it has was measured with another images, commit"
    assert capsys.readouterr().out.splitlines()[0] == said
    assert list(speeds()) == ["resnet18", "peak"]


def test_a_file_of_another_form_is_replaced(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bench.json").write_text('{"models": {}}')
    bench("--models", "d3")
    said = "bench.json starts anew: what it has was measured with another version of bench"
    assert capsys.readouterr().out.splitlines()[0] == said
    assert list(speeds()) == ["d3", "peak"]


def test_make_hands_the_names_on() -> None:
    command = ["make", "--dry-run", "bench"]
    root = Path(__file__).parents[1]
    named = subprocess.run([*command, "MODELS=d3 peak"], cwd=root, capture_output=True, text=True, check=True)
    assert "-m bench.run --models d3 peak --write metrics/bench.json" in named.stdout
    every = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True, env={**os.environ, "MODELS": "d3"}
    )
    assert "--models" not in every.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--models", "resnet"],
            "--models: 'resnet'; expected one of d3, resnet18, peak; fix: did you mean resnet18?",
        ),
        (["--models", "resnet18"], "params.yaml: models.timm.resnet18: missing"),
        (["--rounds", "0"], "--rounds: 0; expected a number above 0"),
        (["--seconds", "inf"], "--seconds: inf; expected a number above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(workplace: Path, words: list[str], message: str) -> None:
    params = workplace / "params.yaml"
    params.write_text(params.read_text().replace("  timm:", "  # timm:"))
    with pytest.raises(LineupError) as caught:
        main(*words)
    assert str(caught.value).startswith(message)
