"""Results that do not belong together are refused by name."""

import shutil
from pathlib import Path

import pytest
from made_up import compare, declare, make_project, put, put_outcomes

from lineup.errors import LineupError


def test_missing_results_are_refused_by_name(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (comparable / "metrics/detail/d3.json").unlink()
    (comparable / "plots/curves/own.csv").unlink()
    with pytest.raises(LineupError) as error:
        compare(comparable, monkeypatch)
    assert "d3 has no metrics/detail/d3.json; own has no plots/curves/own.csv; expected" in str(error.value)
    assert not (comparable / "metrics/comparison.csv").exists()


def test_only_the_first_missing_results_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path)
    (tmp_path / "metrics").rename(tmp_path / "gone")
    with pytest.raises(LineupError) as error:
        compare(tmp_path, monkeypatch)
    assert "b1 has no metrics/training/b1.json; and 25 more; expected" in str(error.value)
    assert len(str(error.value)) < 240


def test_other_seeds_than_declared_are_refused_by_name(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"d3": ("D3", [0, 1, 2, 3]), "b1": ("B1", [0])}
    (comparable / "params.yaml").write_text(declare(declared, {}))
    with pytest.raises(
        LineupError, match=r"metrics/detail/d3\.json has seeds 0 1 2, declared are 0 1 2 3"
    ) as error:
        compare(comparable, monkeypatch)
    assert "b1" not in str(error.value)


def test_runs_tested_on_other_images_are_refused(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_outcomes(comparable, "d3", [0, 1, 2], 0.74, ids="ee")
    with pytest.raises(
        LineupError, match="predictions of d3: other images or another order than those of b1"
    ):
        compare(comparable, monkeypatch)


def test_pictures_are_not_needed(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(comparable / "plots/pictures")
    shutil.rmtree(comparable / "plots/samples")
    assert {row["run"] for row in compare(comparable, monkeypatch)} > {"own", "cae"}


def test_damaged_results_are_refused(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(comparable, "metrics/training/b1.json", "{")
    with pytest.raises(LineupError, match=r"metrics/training/b1\.json: not readable"):
        compare(comparable, monkeypatch)
