import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_up import compare, declare, learn, make_project, make_results, put, put_outcomes, read_csv
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from PIL import Image

from lineup.comparison.classification import format_accuracy
from lineup.comparison.curves import count_common_epochs
from lineup.comparison.figures import (
    format_count,
    format_differences,
    format_figure,
    is_smaller_better,
    name_metric,
)
from lineup.comparison.pictures import draw_accuracy, draw_cost, draw_gap, draw_size, find_front
from lineup.comparison.table import COLUMNS, group_measured
from lineup.comparison.task import Row
from lineup.comparison.texts import format_claimed
from lineup.errors import LineupError
from lineup.evaluation.outcomes import read_outcomes
from lineup.pictures import save_figure


@pytest.fixture
def project(tmp_path: Path) -> Path:
    make_project(tmp_path)
    return tmp_path


# --- the table ---------------------------------------------------------------------------------------------


def test_columns_begin_with_the_promised_ones() -> None:
    promised = (
        "run,row,status,claimed_metric,claimed,val_accuracy,test_accuracy,test_low,test_high,test_loss,"
    )
    promised += "macro_f1,parameters,trainable_parameters,macs,epochs,seconds_per_epoch,images_per_second,"
    promised += "latency_ms,device"
    assert list(COLUMNS[:19]) == promised.split(",")
    assert len(set(COLUMNS)) == len(COLUMNS)
    assert {"task", "protocol", "val_mse", "test_ssim", "probe_test_accuracy"} < set(COLUMNS)


def test_measured_by_task_then_waiting_then_rows_without_a_run(compared: Path) -> None:
    rows = read_csv(compared / "metrics/comparison.csv")
    measured = ["resnet18_e1", "d3_fp32", "d3", "own", "b1", "cae_wide", "cae"]
    assert [row["run"] for row in rows[:9]] == [*measured, "swin", "vgg16"]
    assert [row["task"] for row in rows[:7]] == ["classification"] * 5 + ["reconstruction"] * 2
    assert [row["status"] for row in rows] == ["measured"] * 7 + ["not run yet"] * (len(rows) - 7)
    assert {row["run"] for row in rows[9:]} == {""}
    undeclared = [row["row"] for row in rows[9:]]
    assert "A1" in undeclared
    assert not {"D3", "E1", "B1", "A6", "A8", "A9", "B12"} & set(undeclared)
    assert json.loads((compared / "metrics/comparison.json").read_text())[0]["run"] == "resnet18_e1"


def test_a_task_leaves_the_columns_of_others_empty(compared: Path) -> None:
    rows = {row["run"]: row for row in read_csv(compared / "metrics/comparison.csv")}
    assert (rows["cae_wide"]["val_mse"], rows["cae_wide"]["test_psnr"]) == ("0.0007", "30.9")
    assert rows["cae_wide"]["val_accuracy"] == rows["cae_wide"]["test_low"] == ""
    assert rows["d3"]["val_mse"] == rows["d3"]["probe_test_accuracy"] == ""
    assert (rows["cae_wide"]["gap"], rows["d3"]["gap"]) == ("2e-05", "0.05")
    assert (rows["cae_wide"]["test_sd"], rows["cae"]["test_sd"], rows["d3"]["test_sd"]) == (
        "0.002",
        "",
        "0.002",
    )


def test_claims_stand_beside_the_figure_they_are_about(compared: Path) -> None:
    rows = {row["run"]: row for row in read_csv(compared / "metrics/comparison.csv")}
    assert (rows["d3"]["claimed_metric"], rows["d3"]["claimed"]) == ("test_accuracy", "0.6709")
    assert float(rows["d3"]["difference"]) == pytest.approx(0.736 - 0.6709)
    assert float(rows["resnet18_e1"]["difference"]) == pytest.approx(0.89 - 0.88)  # claimed of validation
    assert float(rows["cae_wide"]["difference"]) == pytest.approx(0.00071 - 0.000754)
    assert rows["own"]["claimed"] == rows["own"]["difference"] == rows["own"]["row"] == ""
    assert rows["own"]["protocol"] == ""
    assert (rows["swin"]["claimed"], rows["vgg16"]["claimed"]) == ("", "0.75")


def test_what_a_run_starts_from_stands_beside_its_figures(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "params.yaml"
    data = json.loads(path.read_text())
    data["weights"]["handed"] = {"source": "run", "needs": "models/own", "seed": 5}
    data["runs"]["d3"]["weights"] = "handed"
    path.write_text(json.dumps(data))
    origins = {row["run"]: row["origin"] for row in compare(project, monkeypatch)}
    assert (origins["d3"], origins["own"]) == ("digits", "")
    text = (project / "metrics/comparison.md").read_text()
    classification, reconstruction = text.split("### Reconstruction")
    assert "| Rank | Run | From | Row |" in classification
    assert "| d3 | digits | D3 |" in classification
    assert "| d3 from digits |" in text
    assert "From" not in reconstruction.partition("### The reports")[0]


def test_runs_come_from_params_never_from_folders(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "params.yaml").write_text(declare({"b1": ("B1", [0])}, {}))
    rows = compare(project, monkeypatch)
    assert [row["run"] for row in rows if row["run"]] == ["b1"]
    assert "D3" in [row["row"] for row in rows[1:]]


def test_a_row_that_no_report_has_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "params.yaml").write_text(declare({"b1": ("B99", [0])}, {}))
    with pytest.raises(LineupError, match=r"run b1: row: B99; expected a row of claims\.csv"):
        compare(project, monkeypatch)


# --- results that do not belong together -------------------------------------------------------------------


def test_missing_results_are_refused_by_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "metrics/detail/d3.json").unlink()
    (project / "plots/curves/own.csv").unlink()
    with pytest.raises(LineupError) as error:
        compare(project, monkeypatch)
    assert "d3 has no metrics/detail/d3.json; own has no plots/curves/own.csv; expected" in str(error.value)
    assert not (project / "metrics/comparison.csv").exists()


def test_only_the_first_missing_results_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path)
    (tmp_path / "metrics").rename(tmp_path / "gone")
    with pytest.raises(LineupError) as error:
        compare(tmp_path, monkeypatch)
    assert "b1 has no metrics/training/b1.json; and 25 more; expected" in str(error.value)
    assert len(str(error.value)) < 240


def test_other_seeds_than_declared_are_refused_by_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"d3": ("D3", [0, 1, 2, 3]), "b1": ("B1", [0])}
    (project / "params.yaml").write_text(declare(declared, {}))
    with pytest.raises(
        LineupError, match=r"metrics/detail/d3\.json has seeds 0 1 2, declared are 0 1 2 3"
    ) as error:
        compare(project, monkeypatch)
    assert "b1" not in str(error.value)


def test_runs_tested_on_other_images_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_outcomes(project, "d3", [0, 1, 2], 0.74, ids="ee")
    with pytest.raises(
        LineupError, match="predictions of d3: other images or another order than those of b1"
    ):
        compare(project, monkeypatch)


def test_a_run_without_pictures_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "plots/pictures/own/predictions.png").unlink()
    with pytest.raises(LineupError, match="plots/pictures/own: no pictures"):
        compare(project, monkeypatch)


def test_damaged_results_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(project, "metrics/training/b1.json", "{")
    with pytest.raises(LineupError, match=r"metrics/training/b1\.json: not readable"):
        compare(project, monkeypatch)


# --- which differences are real -----------------------------------------------------------------------------


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
    assert float(best["p_holm"]) < 0.001
    assert float(tied["p_holm"]) > 0.05
    assert float(best["p_cochran"]) < 0.001
    assert (tied["seeds"], tied["other_seeds"]) == ("3", "3")
    assert int(best["only_run_right"]) - int(best["only_other_right"]) == 84
    errors = rows["cae_wide", "cae"]
    assert float(errors["difference"]) < 0
    assert (errors["better"], errors["p_mcnemar"], errors["p_cochran"]) == ("cae_wide", "", "")


def test_runs_on_another_dataset_are_never_compared(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project / "params.yaml"
    data = json.loads(path.read_text())
    data["datasets"]["cifar10"] = {"source": "cifar10"}
    data["views"]["other"] = data["views"]["digits"] | {"dataset": "cifar10"}
    data["runs"]["d3"]["view"] = "other"
    path.write_text(json.dumps(data))
    put_outcomes(project, "d3", [0, 1, 2], 0.74, ids="ee")
    none = {"images": 300, "ids": "ee", "exact": [], "near": []}
    put(project, "metrics/duplicates/cifar10.json", none)
    ranks = {row["run"]: row["rank"] for row in compare(project, monkeypatch)}
    assert ranks["d3"] == "1"
    tested = read_csv(project / "metrics/significance.csv")
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
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_outcomes(project, "resnet18_e1", [0], 0.2)
    compare(project, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "resnet18_e1 has the best validation accuracy, but on test it is really worse than d3_fp32, " in told
    )
    assert "resnet18_e1 wins" not in told


def test_the_same_answers_are_neither_above_nor_below(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "params.yaml").write_text(declare({"b1": ("B1", [0]), "resnet18_e1": ("E1", [0])}, {}))
    outcomes = project / "metrics/outcomes"
    shutil.copy(outcomes / "b1.safetensors", outcomes / "resnet18_e1.safetensors")
    compare(project, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert "Its test accuracy is equal to that of the next, b1 (95 % interval" in told
    assert "The first two give the same answers." in told


def test_all_right_and_all_wrong_are_not_the_same_answers(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "params.yaml").write_text(declare({"b1": ("B1", [0]), "resnet18_e1": ("E1", [0])}, {}))
    put_outcomes(project, "b1", [0], 0.0)
    put_outcomes(project, "resnet18_e1", [0], 1.0)
    compare(project, monkeypatch)
    told = " ".join(capsys.readouterr().out.split())
    assert "Its test accuracy is 100.00 points above that of the next, b1" in told
    assert "same answers" not in told


def test_validation_sets_of_different_sizes_are_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(project, monkeypatch)
    assert "Validation is of" not in capsys.readouterr().out
    path = project / "metrics/detail/b1.json"
    path.write_text(path.read_text().replace('"val": 10,', '"val": 2000,'))
    compare(project, monkeypatch)
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


def test_duplicates_of_other_images_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"images": 300, "ids": "ee", "exact": [], "near": []}
    put(project, "metrics/duplicates/digits.json", other)
    with pytest.raises(
        LineupError, match=r"duplicates/digits\.json: other test images than those of b1 \(ee\)"
    ):
        compare(project, monkeypatch)
    (project / "metrics/duplicates/digits.json").unlink()
    with pytest.raises(
        LineupError, match=r"digits\.json: not readable .*fix: run `dvc repro duplicates@digits`"
    ):
        compare(project, monkeypatch)


def test_a_run_alone_has_won_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "params.yaml").write_text(declare({"b1": ("B1", [0])}, {}))
    assert compare(project, monkeypatch)[0]["rank"] == "1"
    assert "wins" not in capsys.readouterr().out
    assert read_csv(project / "metrics/significance.csv") == []
    assert "Good for their cost" not in (project / "metrics/comparison.md").read_text()


def test_what_is_left_of_runs_that_are_gone_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(project, monkeypatch)
    assert "that are gone" not in capsys.readouterr().out
    (project / "params.yaml").write_text(declare({"b1": ("B1", [0])}, {}))
    compare(project, monkeypatch)
    assert (
        "left from runs that are gone: cae, cae_wide, d3, d3_fp32, own, resnet18_e1"
        in capsys.readouterr().out
    )


def test_a_study_that_repeats_no_report_is_not_told_of_them(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "params.yaml").write_text(declare({"b1": (None, [0])}, {}))
    compare(project, monkeypatch)
    assert "rows of the reports" not in capsys.readouterr().out
    assert "not run yet" not in (project / "metrics/comparison.md").read_text()


# --- learning curves ---------------------------------------------------------------------------------------


def test_curves_are_means_over_seeds_as_far_as_all_have_come(compared: Path) -> None:
    lines = read_csv(compared / "plots/comparison/classification_curves.csv")
    assert list(lines[0]) == ["run", "split", "epoch", "accuracy", "loss"]
    rows = [row for row in lines if row["run"] == "d3" and row["split"] == "validation"]
    # The three seeds reach epochs 10, 9 and 8.
    assert [int(row["epoch"]) for row in rows] == list(range(1, 9))
    assert float(rows[0]["accuracy"]) == pytest.approx(0.74 - 0.4 * math.exp(-1 / 3) + 0.004, abs=1e-6)


def test_curves_of_a_task_have_its_quantities(compared: Path) -> None:
    rows = read_csv(compared / "plots/comparison/reconstruction_curves.csv")
    assert list(rows[0]) == ["run", "split", "epoch", "loss", "psnr"]
    assert {row["run"] for row in rows} == {"cae", "cae_wide"}
    loss = float(learn(0, 0.0011, autoencoder=True)[0].split(",")[5])
    assert float(rows[0]["loss"]) == pytest.approx(loss, abs=1e-6)


def test_epochs_in_common_are_those_of_the_seed_that_stopped_first() -> None:
    reached = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]
    assert count_common_epochs([{"seed": str(seed), "epoch": str(epoch)} for seed, epoch in reached]) == 2


# --- what people read --------------------------------------------------------------------------------------


def test_terminal_shows_runs_in_100_columns_and_the_report(compared: Path) -> None:
    lines = [" ".join(line.split()) for line in (compared / "said").read_text().splitlines()]
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("1 resnet18_e1 E1 0.8900 0.8860 ±0.0090") for line in lines)
    assert any(line.startswith("1 cae_wide A8 0.000700 0.000710 30.90 0.5234") for line in lines)
    assert any(line.startswith("D3 accuracy 0.6709 (test) 0.7390 +0.0681") for line in lines)
    assert "Declared, not run yet: swin (A9), vgg16 (B12)." in lines
    assert lines[-2:] == [
        "37 rows of the reports have no result yet: metrics/reproductions.csv",
        "report: plots/report.html",
    ]


def test_terminal_cuts_nothing_but_long_names(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "resnet18_with_a_name_of_so_many_letters_that_it_cannot_stay_whole"
    make_results(project, name, [0], 0.9, 12.25)
    # The widest claims and differences there are, so that all columns are as wide as they get.
    (project / "params.yaml").write_text(declare({name: ("E1", [0]), "cae": ("A6", [0])}, {}))
    compare(project, monkeypatch)
    said = capsys.readouterr().out.splitlines()
    assert max(map(len, said)) <= 100
    run, claim = (" ".join(line.split()) for line in said if "…" in line)
    assert run.endswith("… E1 0.9000 0.8960 ±0.0090 622K 9.1 12.2")
    assert claim.startswith("E1 accuracy 0.8800 (validation) 0.9000 +0.0200 ")
    assert claim.endswith(" departures resnet18_with_a_name_…")


def test_a_row_for_which_its_report_has_no_figure_is_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_results(project, "given_up", [0], 0.9, 12.25)
    (project / "params.yaml").write_text(declare({"given_up": ("A9", [0])}, {}))
    compare(project, monkeypatch)
    assert [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(" A9")]


def test_markdown_has_a_table_a_task_and_one_of_claims(compared: Path) -> None:
    text = (compared / "metrics/comparison.md").read_text()
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    # Row D3 has two runs: its claim stands there twice.
    assert [len(table) - 2 for table in tables] == [5, 5, 2, 2, 42 + 1]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
    assert tables[0][3].startswith("| 2 | d3_fp32 | D3 | 0.7430 | 0.7390 ±0.0090 | 0.7380 | 622K |")
    assert tables[1][2].startswith("| resnet18_e1 | ")
    assert "Good for their cost (no run with as few MACs is better on test): " in text
    assert tables[2][2].startswith("| 1 | cae_wide | A8 | 0.000700 | 0.000710 | 30.90 | 0.9456 | 0.5234 |")
    assert not any("|  |" in line.replace("|  | 0", "|") for line in tables[0][2:5])
    assert "Declared, not run yet: swin (A9), vgg16 (B12)." in text


def test_markdown_without_claimed_rows_has_no_table_of_claims(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "params.yaml").write_text(declare({"own": (None, [5, 6])}, {}))
    compare(project, monkeypatch)
    text = (project / "metrics/comparison.md").read_text()
    assert "Classification" in text
    assert "claims" not in text
    assert "Reconstruction" not in text


def test_a_second_comparison_gives_the_same_bytes(
    compared: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(project, monkeypatch, drawn=True)
    made = [*project.glob("metrics/*.*"), *project.glob("plots/comparison/*"), project / "plots/report.html"]
    assert len(made) == 5 + 4 + 1
    for path in made:
        assert path.read_bytes() == (compared / path.relative_to(project)).read_bytes()


# --- pictures and figures ----------------------------------------------------------------------------------


def point(run: str, latency: float, accuracy: float) -> dict[str, Any]:
    entry: dict[str, Any] = {**dict.fromkeys(COLUMNS), "run": run, "row": ""}
    low, high = accuracy - 0.01, accuracy + 0.01
    cost = {"latency_ms": latency, "parameters": 1000 * latency}
    figures = {"test_accuracy": accuracy, "val_accuracy": accuracy, "train_accuracy": high, "gap": 0.01}
    return entry | cost | figures | {"test_low": low, "test_high": high}


def test_front_holds_what_nothing_beats_in_both() -> None:
    rows = [
        point("a", 1, 0.7),
        point("b", 2, 0.6),
        point("c", 2, 0.8),
        point("d", 3, 0.8),
        point("e", 9, 0.9),
        point("as e", 9, 0.9),
    ]
    assert [row["run"] for row in find_front(rows, "latency_ms")] == ["a", "c", "e", "as e"]


def test_an_accuracy_has_the_longer_side_of_its_interval() -> None:
    assert format_accuracy({"test_accuracy": 0.98, "test_low": 0.96, "test_high": 0.99}) == "0.9800 ±0.0200"
    assert format_accuracy({"test_accuracy": 0.02, "test_low": 0.01, "test_high": 0.04}) == "0.0200 ±0.0200"


@pytest.mark.parametrize("draw", [draw_cost, draw_size])
def test_labels_of_crowded_runs_do_not_overlap(draw: Callable[[Sequence[Row]], Figure]) -> None:
    rows = [point(f"model_number_{i}", 1 + 0.01 * i, 0.7 + 0.001 * i) for i in range(6)]
    figure = draw([*rows, point("far", 20, 0.9)])
    boxes = label_boxes(figure)
    assert len(boxes) == 7
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_gaps_stand_widest_first() -> None:
    rows = [point("narrow", 1, 0.8), point("wide", 1, 0.7) | {"train_accuracy": 0.9, "gap": 0.2}]
    (axes,) = draw_gap(rows).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wide", "narrow"]


def test_labels_name_what_a_run_starts_from() -> None:
    rows = [point("plain", 1, 0.8), point("tuned", 1, 0.7) | {"row": "A1", "origin": "cifar100"}]
    (axes,) = draw_accuracy(rows).axes
    assert {label.get_text() for label in axes.get_yticklabels()} == {"plain", "tuned from cifar100 (A1)"}


def label_boxes(figure: Figure) -> list[Any]:
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    notes = [child for child in figure.axes[0].get_children() if isinstance(child, Annotation)]
    return [super(Annotation, note).get_window_extent() for note in notes]


def test_pictures_of_no_run_and_of_one_are_drawn(tmp_path: Path) -> None:
    for name, table in {"none": [], "one": [point("a", 1, 1.0)]}.items():
        for draw in (draw_accuracy, draw_cost, draw_size, draw_gap):
            save_figure(draw(table), tmp_path / f"{name}.png")
            with Image.open(tmp_path / f"{name}.png") as picture:
                picture.load()


@pytest.mark.parametrize(("split", "text"), [("test", "622282 (test)"), ("", "622282")])
def test_a_claim_names_its_images_if_it_has_any(split: str, text: str) -> None:
    assert format_claimed({"metric": "parameters", "claimed": 622_282.0, "split": split}) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12"), (622_282, "622K"), (999_990, "1M"), (11_173_962, "11.2M"), (1.3e9, "1.3G")],
)
def test_counts_are_short(number: float, text: str) -> None:
    assert format_count(number) == text


@pytest.mark.parametrize(
    ("metric", "text", "name", "smaller"),
    [
        ("test_accuracy", "+0.1235", "test accuracy", False),
        ("val_loss", "+0.1235", "validation loss", True),
        ("test_mse", "+0.123457", "test MSE", True),
        ("test_psnr", "+0.12", "test PSNR", False),
        ("latency_ms", "+0.123", "latency ms", True),
    ],
)
def test_figures_have_the_digits_and_the_direction_of_their_metric(
    metric: str, text: str, name: str, smaller: bool
) -> None:
    assert format_figure(metric, 0.1234567, "+") == text
    assert name_metric(metric) == name
    assert is_smaller_better(metric) is smaller


def test_accuracies_differ_by_points() -> None:
    assert format_differences("test_accuracy", -0.0283, 0.0409) == "-2.83 to +4.09 points"
    assert format_differences("test_mse", 0.0001, sign="") == "0.000100"


def test_runs_on_other_images_stand_apart_the_most_tried_dataset_first() -> None:
    row = {"status": "measured", "task": "classification"}
    found = [("a", "rare", 0.9), ("b", "usual", 0.5), ("c", "usual", 0.6)]
    rows = [{**row, "run": run, "dataset": dataset, "val_accuracy": val} for run, dataset, val in found]
    groups = [(group.title, [row["run"] for row in group.rows]) for group in group_measured(rows)]
    assert groups == [("Classification: usual", ["c", "b"]), ("Classification: rare", ["a"])]
    assert [group.title for group in group_measured(rows[1:])] == ["Classification"]
