"""The table of all runs: what stands in it, and where from."""

import json
from pathlib import Path

import pytest
from made_up import compare, declare, read_csv

from lineup.comparison.table import COLUMNS
from lineup.errors import LineupError


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
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = comparable / "params.yaml"
    data = json.loads(path.read_text())
    data["weights"]["handed"] = {"source": "run", "needs": "models/own", "seed": 5}
    data["runs"]["d3"]["weights"] = "handed"
    path.write_text(json.dumps(data))
    origins = {row["run"]: row["origin"] for row in compare(comparable, monkeypatch)}
    assert (origins["d3"], origins["own"]) == ("digits", "")
    text = (comparable / "metrics/comparison.md").read_text()
    classification, reconstruction = text.split("### Reconstruction")
    assert "| Rank | Run | From | Row |" in classification
    assert "| d3 | digits | D3 |" in classification
    assert "| d3 from digits |" in text
    assert "From" not in reconstruction.partition("### The reports")[0]


def test_runs_come_from_params_never_from_folders(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (comparable / "params.yaml").write_text(declare({"b1": ("B1", [0])}, {}))
    rows = compare(comparable, monkeypatch)
    assert [row["run"] for row in rows if row["run"]] == ["b1"]
    assert "D3" in [row["row"] for row in rows[1:]]


def test_a_row_that_no_report_has_is_refused(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (comparable / "params.yaml").write_text(declare({"b1": ("B99", [0])}, {}))
    with pytest.raises(
        LineupError, match=r"params\.yaml: runs\.b1\.row: unknown name 'B99'; expected a row of a report"
    ):
        compare(comparable, monkeypatch)
