"""Learning curves of all runs in one file a task."""

import math
from pathlib import Path

import pytest
from made_up import learn, read_csv

from lineup.comparison.curves import count_common_epochs


def test_curves_are_means_over_seeds_as_far_as_all_have_come(compared: Path) -> None:
    lines = read_csv(compared / "plots/comparison/classification_curves.csv")
    assert list(lines[0]) == ["panel", "run", "split", "epoch", "accuracy", "loss"]
    rows = [row for row in lines if row["run"] == "d3" and row["split"] == "validation"]
    # The three seeds reach epochs 10, 9 and 8.
    assert [int(row["epoch"]) for row in rows] == list(range(1, 9))
    assert float(rows[0]["accuracy"]) == pytest.approx(0.74 - 0.4 * math.exp(-1 / 3) + 0.004, abs=1e-6)


def test_each_report_has_a_panel_and_other_runs_that_of_their_dataset(compared: Path) -> None:
    panels = {
        row["run"]: row["panel"] for row in read_csv(compared / "plots/comparison/classification_curves.csv")
    }
    assert panels == {
        "b1": "report B",
        "d3": "report D",
        "d3_fp32": "report D",
        "resnet18_e1": "report E",
        "own": "digits",
    }


def test_curves_of_a_task_have_its_quantities(compared: Path) -> None:
    rows = read_csv(compared / "plots/comparison/reconstruction_curves.csv")
    assert list(rows[0]) == ["panel", "run", "split", "epoch", "loss", "psnr"]
    assert {row["run"] for row in rows} == {"cae", "cae_wide"}
    loss = float(learn(0, 0.0011, autoencoder=True)[0].split(",")[5])
    assert float(rows[0]["loss"]) == pytest.approx(loss, abs=1e-6)


def test_epochs_in_common_are_those_of_the_seed_that_stopped_first() -> None:
    reached = [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]
    assert count_common_epochs([{"seed": str(seed), "epoch": str(epoch)} for seed, epoch in reached]) == 2
