"""The benchmark: its arithmetic, the order of turns, who disturbs it, and a run of milliseconds."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from bench import child, others, rounds
from bench.child import Child
from bench.job import VIEW, Job
from bench.roles import split_epochs
from bench.rounds import GOALS, Round, Spread, compare, keep_quietest, rotate, summarise
from bench.run import main
from lineup.data.pack import Pack, write_pack
from lineup.errors import LineupError

PARAMS = """
runtime: {device: cpu, channels_last: true}
datasets: {}
views: {}
weights: {}
models:
  cnn: {d3: {padding: same, batch_norm: all, activation: relu, dropout: 0.1, layers: [conv 4, pool, gap]}}
augments: {}
recipes: {}
runs: {}
waiting: {}
waiting_weights: {}
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
    assert (summary["repeated_rounds"], summary["disturbed_rounds"]) == (1, 1)
    assert summary["images"] == {"usual": Spread(128, 128, 128), "ours": Spread(256, 256, 256)}


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
    (tmp_path / "params.yaml").write_text(PARAMS)
    images, numbers = torch.zeros(400, 8, 8, 3, dtype=torch.uint8), torch.arange(400)
    facts = ((0.0,) * 3, (255.0,) * 3) * 2
    write_pack(Pack(images, numbers % 2, numbers, numbers % 5 == 0, ("a", "b"), *facts), VIEW)
    return tmp_path


def test_a_run_measures_every_role(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main("--models", "d3", "--rounds", "1", "--seconds", "0.02", "--write", "metrics/bench.json")
    report = json.loads((workplace / "metrics/bench.json").read_text())
    d3 = report["models"]["d3"]
    assert list(d3["images_per_second"]) == ["usual", "ours_fp32", "ours", "limit_fp32", "limit"]
    assert list(report["peak"]["gflops"]) == ["peak_fp32", "peak_bf16"]
    for spread in (*d3["images_per_second"].values(), *d3["ratios"].values()):
        assert 0 < spread["minimum"] <= spread["median"] <= spread["maximum"]
    assert set(d3["ratios"]) == {"/".join(pair) for pair in GOALS}
    assert report["environment"]["threads"] == 1
    assert report["images"] == str(VIEW)
    shown = capsys.readouterr().out
    assert "ours_fp32 / usual" in shown
    assert "≥ 2.5" in shown


def test_a_process_that_dies_is_named(workplace: Path) -> None:
    job = Job("limit", "cpu", 1, workplace / "missing", {}, {})
    with Child(job) as child, pytest.raises(LineupError, match=r"bench: limit: .* ended with status 1"):
        child.measure(1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--models", "resnet"],
            "--models: 'resnet'; expected one of d3, resnet18; fix: did you mean resnet18?",
        ),
        (["--models", "resnet18"], "params.yaml: models.timm.resnet18: missing"),
        (["--rounds", "0"], "--rounds: 0; expected a number above 0"),
        (["--seconds", "inf"], "--seconds: inf; expected a number above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(workplace: Path, words: list[str], message: str) -> None:
    with pytest.raises(LineupError) as caught:
        main(*words)
    assert str(caught.value).startswith(message)
