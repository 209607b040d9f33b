"""Which differences are real, and how that is told."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from made_up import compare, declare, make_results, put, put_outcomes, read_csv

from lineup.comparison.duplicates import Shared
from lineup.comparison.significance import Contest
from lineup.comparison.verdict import tell
from lineup.errors import LineupError
from lineup.evaluation.outcomes import read_outcomes, write_outcomes
from lineup.statistics.pairs import Pair


def test_runs_that_cannot_be_told_apart_share_a_rank(compared: Path) -> None:
    ranks = {
        row["run"]: row["rank"]
        for row in read_csv(compared / "metrics/comparison.csv")
        if row["status"] == "measured"
    }
    assert (ranks["resnet18_e1"], ranks["d3"], ranks["d3_fp32"], ranks["b1"]) == ("1", "2", "2", "5")
    assert (ranks["cae_wide"], ranks["cae"]) == ("1", "2")


def test_every_two_runs_of_a_task_are_tested(compared: Path) -> None:
    rows = {(row["run"], row["other"]): row for row in read_csv(compared / "metrics/significance.csv")}
    assert len(rows) == 5 * 4 / 2 + 1
    best, tied = rows["resnet18_e1", "b1"], rows["d3_fp32", "d3"]
    assert (best["task"], best["dataset"], best["images"]) == ("classification", "digits", "300")
    assert float(best["difference"]) == pytest.approx(0.28, abs=1e-6)
    assert float(best["low"]) < 0.28 < float(best["high"])
    assert (best["better"], tied["better"]) == ("resnet18_e1", "")
    assert float(best["p_corrected"]) < 0.001
    assert float(tied["p_corrected"]) > 0.05
    assert float(best["p_cochran"]) < 0.001
    assert (tied["seeds"], tied["other_seeds"]) == ("3", "3")
    assert int(best["only_run_right"]) - int(best["only_other_right"]) == 84
    errors = rows["cae_wide", "cae"]
    assert float(errors["difference"]) < 0
    assert (errors["better"], errors["p_mcnemar"], errors["p_cochran"]) == ("cae_wide", "", "")


def test_runs_on_another_dataset_are_never_compared(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = comparable / "params.yaml"
    data = json.loads(path.read_text())
    data["datasets"]["cifar10"] = {"source": "cifar10", "needs": "data/params.valid"}
    data["views"]["other"] = data["views"]["digits"] | {"dataset": "cifar10"}
    data["runs"]["d3"]["view"] = "other"
    path.write_text(json.dumps(data))
    put_outcomes(comparable, "d3", [0, 1, 2], 0.74, ids="ee")
    none = {"images": 300, "ids": "ee", "exact": [], "near": []}
    put(comparable, "metrics/duplicates/cifar10.json", none)
    ranks = {row["run"]: row["rank"] for row in compare(comparable, monkeypatch)}
    assert ranks["d3"] == "1"
    tested = read_csv(comparable / "metrics/significance.csv")
    assert "d3" not in {row[key] for row in tested for key in ("run", "other")}


def test_who_wins_is_told_in_plain_words(compared: Path) -> None:
    told = " ".join((compared / "said").read_text().split())
    assert (
        "resnet18_e1 wins: it has the best validation accuracy. Its test accuracy is 14.67 points above"
        in told
    )
    assert ": real (p below 0.0001, corrected for all pairs). resnet18_e1 can be told apart from" in told
    assert "Between the first two, this test finds a difference of " in told
    assert "cae_wide wins: it has the best validation MSE." in told
    assert "What is said of one seed (resnet18_e1, b1) is of that training, not of its recipe." in told
    assert (
        "Its test MSE is 0.000382 below that of the next, cae (95 % interval of this pair alone -0.00" in told
    )
    assert "Test was opened for 10 trained models of this table, whose order is validation's; those" in told
    assert (
        "Of the 300 test images, train has 1 as well, and 2 nearly: without them resnet18_e1 has 0.8" in told
    )
    text = " ".join((compared / "metrics/comparison.md").read_text().split())
    assert "resnet18_e1 can be told apart from every other run." in text


def test_the_first_on_validation_does_not_win_against_one_that_is_really_better(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_outcomes(comparable, "resnet18_e1", [0], 0.2)
    compare(comparable, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "resnet18_e1 has the best validation accuracy, but on test it is really worse than d3_fp32, " in told
    )
    assert "resnet18_e1 wins" not in told


def test_of_two_that_are_best_on_validation_none_wins_by_its_name(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = {"b1": ("B1", [0]), "also": (None, [0])}
    (comparable / "params.yaml").write_text(declare(declared, {}))
    make_results(comparable, "also", [0], 0.61, 0.4)
    compare(comparable, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert "also has the best validation accuracy, and so has b1: its name puts it first." in told
    assert "wins" not in told


def test_what_is_not_asked_of_small_images_is_not_told_as_none() -> None:
    contest = Contest("classification", "digits", [], {"a": 1}, None, {"a": 1}, 360, {"a": 9}, ["a"])
    told = " ".join(tell(contest, Shared(360, "cd", [], None), {}))
    assert "Of the 360 test images, train has 0 as well, and nearly in images so small is not asked." in told


def test_the_same_answers_are_neither_above_nor_below(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (comparable / "params.yaml").write_text(declare({"b1": ("B1", [0]), "resnet18_e1": ("E1", [0])}, {}))
    outcomes = comparable / "metrics/outcomes"
    shutil.copy(outcomes / "b1.safetensors", outcomes / "resnet18_e1.safetensors")
    compare(comparable, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert "Its test accuracy is equal to that of the next, b1 (95 % interval" in told
    assert "resnet18_e1 cannot be told apart from b1 (the same figure). The first two give the same" in told


def test_what_is_not_told_apart_is_told_with_its_distance_and_what_the_correction_did() -> None:
    pairs = [
        Pair("mfm", other, difference, -0.1, 0.4, p, corrected, 0.01, None)
        for other, difference, p, corrected in (
            ("near", -0.0043, 0.3, 1.0),
            ("far", 0.18, 0.0008, 0.056),
            ("worse", 0.3, 1e-9, 1e-7),
        )
    ]
    runs = dict.fromkeys(("mfm", "near", "far", "worse"), 1)
    contest = Contest("classification", "cifar10", pairs, runs, None, runs, 100, runs, ["mfm"])
    told = " ".join(tell(contest, Shared(100, "cd", [], []), {}))
    assert "mfm cannot be told apart from near (0.43 points above), far (18.00 points below, p 0.0008" in told
    assert "p 0.0008 if it were the only pair). Between the first two" in told


@pytest.mark.parametrize(
    ("task", "difference", "told"),
    [
        ("classification", 1 / 30_000, "Its test accuracy is 0.0033 points above that of the next"),
        ("reconstruction", -3e-7, "Its test MSE is 3e-07 below that of the next"),
    ],
)
def test_a_small_difference_does_not_look_like_none(task: str, difference: float, told: str) -> None:
    pair = Pair("a", "b", difference, -1, 1, 0.9, 0.9, abs(difference), None)
    counts = {"a": 1, "b": 1}
    contest = Contest(task, "digits", [pair], counts, None, counts, 100, counts, ["a"])
    assert told in " ".join(tell(contest, Shared(100, "cd", [], []), {}))


@pytest.mark.parametrize(
    ("task", "smallest", "told"),
    [
        ("classification", 1.3, "this test finds no difference, however large: more seeds would help."),
        ("classification", 0.99, "this test finds a difference of 99.00 points or more 80 % of the time."),
        ("reconstruction", 1.3, "this test finds a difference of 1.300000 or more 80 % of the time."),
    ],
)
def test_a_difference_that_cannot_be_is_not_told(task: str, smallest: float, told: str) -> None:
    pair = Pair("a", "b", 0.2, -9, 9, 0.4, 0.4, smallest, None)
    counts = {"a": 1, "b": 2}
    contest = Contest(task, "digits", [pair], {"a": 1, "b": 1}, None, counts, 100, counts, ["a"])
    assert f"Between the first two, {told}" in " ".join(tell(contest, Shared(100, "cd", [], []), {}))


def test_no_interval_is_wider_than_shares_can_differ(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (comparable / "params.yaml").write_text(declare({"own": (None, [5, 6]), "b1": ("B1", [0])}, {}))
    values = torch.tensor([[False] * 299 + [True], [True] * 300])
    write_outcomes([5, 6], "cd", values, comparable / "metrics/outcomes/own.safetensors")
    compare(comparable, monkeypatch)
    (row,) = read_csv(comparable / "metrics/significance.csv")
    assert (row["low"], row["high"]) == ("-1.0", "1.0")


def test_all_right_and_all_wrong_are_not_the_same_answers(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (comparable / "params.yaml").write_text(declare({"b1": ("B1", [0]), "resnet18_e1": ("E1", [0])}, {}))
    put_outcomes(comparable, "b1", [0], 0.0)
    put_outcomes(comparable, "resnet18_e1", [0], 1.0)
    compare(comparable, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert "Its test accuracy is 100.00 points above that of the next, b1" in told
    assert "same answers" not in told


def test_validation_sets_of_different_sizes_are_named(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(comparable, monkeypatch)
    assert "Validation is of" not in capsys.readouterr().out
    path = comparable / "metrics/detail/b1.json"
    path.write_text(path.read_text().replace('"val": 10,', '"val": 2000,'))
    compare(comparable, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "Validation is of 10 images (resnet18_e1, d3_fp32, d3, own), 2,000 images (b1): the fewer, the"
        in told
    )


def test_duplicates_are_left_out_of_the_figure_beside_the_plain_one(compared: Path) -> None:
    rows = {row["run"]: row for row in read_csv(compared / "metrics/comparison.csv")}
    for run in ("b1", "cae_wide"):
        values = read_outcomes(compared / f"metrics/outcomes/{run}.safetensors").values.mean(0)
        expected = (values.sum() - values[[1, 4, 7]].sum()) / 297
        assert float(rows[run]["test_unique"]) == pytest.approx(expected, abs=1e-7)
        assert expected != pytest.approx(values.mean(), abs=1e-7)


def test_where_train_has_all_that_is_told_and_no_figure_given(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    all_of_them = {"images": 300, "ids": "cd", "exact": [7], "near": [*range(7), *range(8, 300)]}
    put(comparable, "metrics/duplicates/digits.json", all_of_them)
    assert {row["test_unique"] for row in compare(comparable, monkeypatch, drawn=True)} == {""}
    told = " ".join(capsys.readouterr().out.split())
    assert "train has 1 as well, and 299 nearly: none is left without them." in told


def test_duplicates_of_other_images_are_refused(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"images": 300, "ids": "ee", "exact": [], "near": []}
    put(comparable, "metrics/duplicates/digits.json", other)
    with pytest.raises(
        LineupError, match=r"duplicates/digits\.json: other test images than those of b1 \(ee\)"
    ):
        compare(comparable, monkeypatch)
    (comparable / "metrics/duplicates/digits.json").unlink()
    with pytest.raises(
        LineupError, match=r"digits\.json: not readable .*fix: run `dvc repro duplicates@digits`"
    ):
        compare(comparable, monkeypatch)


def test_a_run_alone_has_won_nothing(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (comparable / "params.yaml").write_text(declare({"b1": ("B1", [0])}, {}))
    assert compare(comparable, monkeypatch)[0]["rank"] == "1"
    assert "wins" not in capsys.readouterr().out
    assert read_csv(comparable / "metrics/significance.csv") == []
    assert "Good for their cost" not in (comparable / "metrics/comparison.md").read_text()


def test_what_is_left_of_runs_that_are_gone_is_named(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(comparable, monkeypatch)
    assert "that are gone" not in capsys.readouterr().out
    (comparable / "params.yaml").write_text(declare({"b1": ("B1", [0])}, {}))
    compare(comparable, monkeypatch)
    assert (
        "left from runs that are gone: cae, cae_wide, d3, d3_fp32, own, resnet18_e1"
        in capsys.readouterr().out
    )


def test_a_study_that_repeats_no_report_is_not_told_of_them(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (comparable / "params.yaml").write_text(declare({"b1": (None, [0])}, {}))
    compare(comparable, monkeypatch)
    assert "rows of the reports" not in capsys.readouterr().out
    assert "not run yet" not in (comparable / "metrics/comparison.md").read_text()
