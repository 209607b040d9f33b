"""Declared grids: what is refused, and which points there are."""

import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides
from pipeline import ROOT, TINY
from swept import FILES, SWEEPS, small

from lineup.config.files import Files, read_files
from lineup.config.params import check
from lineup.errors import LineupError
from sweep.plan import make_points
from sweep.schema import load_sweeps, pick_sweep


@pytest.fixture(scope="module")
def files() -> Files:
    """The parameters of this repository."""
    return read_files(ROOT / "params.yaml")


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identities are of the code in the current folder."""
    monkeypatch.chdir(ROOT)


def test_every_grid_of_the_reports_is_declared_and_fits_the_parameters(files: Files) -> None:
    sweeps = load_sweeps(ROOT / "sweeps.yaml")
    counts = {name: len(make_points(name, sweep, files)) for name, sweep in sweeps.sweeps.items()}
    assert counts.items() >= {"a7": 9, "e1": 16, "e2": 16, "e3": 16}.items()


def test_the_grid_that_waits_is_the_eight_points_declared_as_runs(files: Files) -> None:
    data = deepcopy(files.data)
    # It waits no more, nor do the weights that it starts from.
    data["runs"] = {**data["waiting"], **data["runs"]}
    data["weights"] |= data.pop("waiting_weights")
    data["waiting"] = {}
    sweeps = load_sweeps(ROOT / "sweeps.yaml")
    points = make_points("a5", {**sweeps.waiting, **sweeps.sweeps}["a5"], replace(files, data=data))
    names = ["a5", *(f"a5_{number}" for number in range(2, 9))]
    declared = [check(files).recipes[name] for name in names]
    found = [point.params.recipes["a5"] for point in points]
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
    "twice": ("    run: dense", "    run: dense\n    run: long", "sweeps.yaml line 4"),
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
    "run": ({"run": "dens"}, "run: no run 'dens'; expected a run under runs; fix: did you mean dense"),
    "run that waits": (
        {"run": "later"},
        r"run: run later waits; expected a run under runs; fix: move its entry .* to runs in \S+tiny\.yaml$",
    ),
    "key": ({"grid": {"recipes.short.rl": [1.0]}}, "short.rl: unknown key; expected a key of the schema"),
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
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_a_grid_that_does_not_fit_the_parameters_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LineupError, match=message) as caught:
        make_points("s", small(**changes), FILES)
    assert str(caught.value).startswith("sweeps.yaml: sweeps.s.")
    assert "\n" not in str(caught.value)


def test_the_task_whose_figures_choose_is_that_of_the_point() -> None:
    coded = {"task": "reconstruction", "family": "autoencoder", "model": "coder"}
    grid = {f"runs.dense.{key}": [value] for key, value in coded.items()}
    assert len(make_points("s", small(best="lowest val_mse", grid=grid), FILES)) == 1
    with pytest.raises(LineupError, match="no val_accuracy in reconstruction"):
        make_points("s", small(grid=grid), FILES)


def test_points_are_all_combinations_in_order() -> None:
    sweep = small(grid={"recipes.short.lr": [0.1, 0.2], "recipes.short.optimizer": ["sgd", "adam"]})
    points = make_points("s", sweep, FILES)
    assert [tuple(point.values.values()) for point in points] == [
        (0.1, "sgd"), (0.1, "adam"), (0.2, "sgd"), (0.2, "adam"),
    ]  # fmt: skip
    assert FILES.data["recipes"]["short"]["lr"] == 0.01


SPLIT = """
recipes:
  apart: {epochs: 1, batch_size: 128, lr: 0.01, schedule: {name: plateau, factor: 0.5, patience: 1}}
models:
  mlp:
    wide: {layers: [32]}
runs:
  apart: {view: digits, weights: random, family: mlp, model: wide, recipe: apart}
"""


def test_dvc_makes_the_same_parameters_of_the_overrides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whichever file an entry stands, and for keys that are not written there."""
    shutil.copy(TINY, tmp_path / "params.yaml")
    (tmp_path / "dvc.yaml").write_text("vars: [reports/x.yaml]\nstages: {}\n")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/x.yaml").write_text(SPLIT)
    for name in ("src", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    grid = {
        "recipes.apart.lr": [0.00001], "runs.apart.seeds": [[0, 4]], "recipes.apart.checkpoint": ["last"],
        "recipes.apart.schedule": [{"name": "cosine"}], "models.mlp.wide.dropout": [0.25],
        "recipes.short.weight_decay": [0.5], "runtime.channels_last": [False],
    }  # fmt: skip
    [point] = make_points("s", small(run="apart", grid=grid), read_files(Path("params.yaml")))
    for path, overrides in to_path_overrides(point.overrides).items():
        apply_overrides(path, overrides)
    found = read_files(Path("params.yaml"))
    assert found.data == point.files.data
    assert found.owners["runs.apart"] == Path("reports/x.yaml")
    assert point.params.runs["apart"].seeds == [0, 4]
