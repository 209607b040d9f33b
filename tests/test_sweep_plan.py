"""Declared grids: what is refused, and which points there are."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from pipeline import ROOT, TINY
from swept import PARAMS, SWEEPS, small

from lineup.config.params import parse
from lineup.errors import LineupError
from sweep.plan import make_points
from sweep.schema import load_sweeps, pick_sweep


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
    "direction": ("highest val_accuracy", "lowest val_accuracy", "the text 'lowest val_accuracy'; expected"),
    "no values": ("[0.02, 0.00001]", "[]", "sweeps.small.grid.recipes.short.lr: []; expected"),
    "name": ("  small:", "  sma-ll:", "sweeps.sma-ll: the text 'sma-ll'; expected"),
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


@pytest.mark.parametrize(("first", "second"), [("small", "chosen"), ("small", "soon"), ("chosen", "soon")])
def test_a_name_in_two_sections_is_refused(tmp_path: Path, first: str, second: str) -> None:
    path, sections = tmp_path / "sweeps.yaml", {"small": "sweeps", "chosen": "searches", "soon": "waiting"}
    path.write_text(SWEEPS.replace(f"  {second}:", f"  {first}:"))
    one, other = sections[first], sections[second]
    with pytest.raises(LineupError) as caught:
        load_sweeps(path)
    expected = f"also in {one}; expected a name in {one} or in {other}; fix: remove one of the two"
    assert str(caught.value) == f"{path}: {other}.{first}: {expected}"


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
    "figure": (
        {"best": "lowest val_mse"},
        r"best: no val_mse in classification, the task of run dense; "
        r"expected one of highest val_accuracy, lowest val_loss; fix: did you mean lowest val_loss\?",
    ),
    "figure of labels": (
        {"run": "coder"},
        "best: no val_accuracy in reconstruction, the task of run coder; "
        "expected one of lowest val_mse, highest val_psnr, highest val_ssim; fix: did you mean highest val_",
    ),
    "figure of a run that waits": ({"run": "later", "best": "highest val_ssim"}, "best: no val_ssim in cla"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_a_grid_that_does_not_fit_the_parameters_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LineupError, match=message) as caught:
        make_points("s", small(**changes), PARAMS)
    assert str(caught.value).startswith("sweeps.yaml: sweeps.s.")
    assert "\n" not in str(caught.value)


def test_the_task_whose_figures_choose_is_that_of_the_point() -> None:
    coded = {"task": "reconstruction", "family": "autoencoder", "model": "coder"}
    grid = {f"runs.dense.{key}": [value] for key, value in coded.items()}
    assert len(make_points("s", small(best="lowest val_mse", grid=grid), PARAMS)) == 1
    with pytest.raises(LineupError, match="no val_accuracy in reconstruction"):
        make_points("s", small(grid=grid), PARAMS)


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
