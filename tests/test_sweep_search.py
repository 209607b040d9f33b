"""Searches: points that are chosen one after another."""

import csv
import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pipeline import ROOT
from swept import FILES, MACHINE, SWEEPS

from lineup.errors import LineupError
from sweep.identity import identify
from sweep.plan import Point, place
from sweep.results import FINISHED, Result, Row
from sweep.run import describe, run_search
from sweep.schema import Search, Sweep, load_sweeps
from sweep.search import Values, propose


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
    points = place("sweeps.yaml: searches.s", "space", "dense", combinations, FILES)
    assert [point.params.recipes["short"].lr for point in points] == [0.05, 0.002, 0.05]
    assert search().list_tried(combinations).grid == {
        "recipes.short.lr": [0.002, 0.05], "recipes.short.batch_size": [8], "runs.dense.seeds": [[0]],
    }  # fmt: skip


WRONG = {
    "no room": ("low: 0.001", "low: 0.1", "lr: a mapping; expected low below high"),
    "no logarithm": ("low: 0.001", "low: -1.0", "lr: a mapping; expected low below high"),
    "no end": ("high: 0.1, ", "", "lr.high: missing; expected every key"),
    "misspelt": ("high: 0.1", "hih: 0.1", "lr.hih: unknown key; expected a key of the schema; fix: did"),
    "a text": ("high: 0.1", "high: much", "lr.high: the text 'much'; expected a number; fix: write a number"),
    "a number": ("{low: 0.001, high: 0.1, log: true}", "0.01", "lr: 0.01; expected a list; fix: write [0.0"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_space_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SWEEPS
    (tmp_path / "sweeps.yaml").write_text(SWEEPS.replace(old, new))
    with pytest.raises(LineupError) as caught:
        load_sweeps(tmp_path / "sweeps.yaml")
    assert f"sweeps.yaml: searches.chosen.space.recipes.short.{message}" in str(caught.value)
    assert "\n" not in str(caught.value)


class Quick:
    """In place of DVC's queue: a point gives less the higher its rate, and those listed in `failing` fail.

    Of points that train the same it keeps the last, as Running does.
    """

    rounds: ClassVar[list[int]] = []
    failing: ClassVar[set[int]] = set()

    def __init__(self, name: str, sweep: Sweep, points: list[Point]) -> None:
        self.points = {identify(point.files, sweep.run): point for point in points}

    def finish(self, jobs: int) -> list[Row]:
        self.rounds.append(len(self.points))
        return [self._row(identity, point) for identity, point in self.points.items()]

    def _row(self, identity: str, point: Point) -> Row:
        rate = float(str(point.values["recipes.short.lr"]))
        if point.number in self.failing:
            return Row(point, identity, "failed", f"s-{point.number}", None)
        return Row(point, identity, FINISHED, f"s-{point.number}", Result("s", 1 - rate, rate, MACHINE))


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Quick]:
    for name in ("src", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Quick, "rounds", [])
    monkeypatch.setattr("sweep.run.Running", Quick)
    monkeypatch.setattr("sweep.run.list_experiments", dict)
    return Quick


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "unread": (
        {"recipes.long.lr": {"low": 0.001, "high": 0.1, "log": True}},
        r"\.recipes\.long\.lr: 0\.001 and 0\.1 train the same; expected keys that run dense reads",
    ),
    "unread list": ({"recipes.long.optimizer": ["adam", "sgd"]}, '"adam" and "sgd" train the same'),
    "same": ({"recipes.short.lr": [0.1, 0.2, 1e-1]}, r"\.recipes\.short\.lr: 0\.1 and 0\.1 train the same"),
    "middle": (
        {"recipes.short.optimizer": ["adam", "adma", "sgd"]},
        "optimizer: the text 'adma'; .* fix: did you mean adam",
    ),
    "low end": (
        {"recipes.short.lr": {"low": -0.1, "high": 0.1, "log": False}},
        "lr: -0.1; expected a number",
    ),
    "high end": (
        {
            "runs.dense.seeds": [[0], [0, 1]],
            "models.mlp.dense.dropout": {"low": 0.1, "high": 1.5, "log": False},
        },
        "dropout: 1.5; expected a number less than 1",
    ),
    "key": (
        {"recipes.short.rl": [1.0]},
        "recipes.short.rl: unknown key; expected a key of the schema; fix: ",
    ),
}


@pytest.mark.parametrize(("space", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_a_space_that_does_not_fit_the_parameters_is_refused_before_a_start(
    quick: type[Quick], space: dict[str, Any], message: str
) -> None:
    unfit = search(space=space)
    for refuse in (lambda: describe("s", unfit, FILES), lambda: run_search("s", unfit, FILES, 1)):
        with pytest.raises(LineupError, match=message) as caught:
            refuse()
        assert str(caught.value).startswith("sweeps.yaml: searches.s.space")
        assert "\n" not in str(caught.value)
    assert quick.rounds == []


def test_a_figure_of_the_other_task_is_refused_before_a_start(quick: type[Quick]) -> None:
    unfit = search(best="lowest val_mse")
    for refuse in (lambda: describe("s", unfit, FILES), lambda: run_search("s", unfit, FILES, 1)):
        with pytest.raises(
            LineupError, match=r"^sweeps.yaml: searches\.s\.best: no val_mse in classification"
        ):
            refuse()
    assert quick.rounds == []


def test_a_search_goes_round_by_round(quick: type[Quick]) -> None:
    run_search("s", search(points=6), FILES, 2)
    assert quick.rounds == [4, 6]
    rows = list(csv.DictReader(Path("metrics/sweeps/s.csv").read_text().splitlines()))
    assert [row["experiment"] for row in rows] == [f"s-{number}" for number in range(1, 7)]
    best = min(rows, key=lambda row: float(row["recipes.short.lr"]))
    assert [row["best"] for row in rows] == ["yes" if row is best else "" for row in rows]


def test_points_that_train_the_same_though_their_values_differ_share_a_result(quick: type[Quick]) -> None:
    space = {
        "runs.dense.recipe": ["long", "short"],
        "recipes.long.lr": {"low": 0.001, "high": 0.1, "log": True},
        "recipes.short.lr": [0.01],
    }
    run_search("s", search(points=8, space=space), FILES, 1)
    rows = list(csv.DictReader(Path("metrics/sweeps/s.csv").read_text().splitlines()))
    assert [row["runs.dense.recipe"] for row in rows].count('"short"') == 1
    assert 1 < quick.rounds[-1] == len(rows) < 8


def test_rounds_whose_results_are_known_leave_the_table_of_later_ones(
    quick: type[Quick], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    monkeypatch.setattr("sweep.run.write", lambda name, sweep, rows: written.append(len(rows)))
    run_search("s", search(points=10), FILES, 1)
    assert quick.rounds == [4, 8, 10]
    assert written == [10], "a clone reads its results from that table"


def test_a_search_does_not_go_on_from_a_round_with_a_failed_point(
    quick: type[Quick], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick, "failing", {2})
    with pytest.raises(LineupError, match="1 of 4 points failed"):
        run_search("s", search(points=6), FILES, 1)
    assert quick.rounds == [4]
    assert "failed" in Path("metrics/sweeps/s.csv").read_text()
