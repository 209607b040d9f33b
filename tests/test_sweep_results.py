"""What a sweep has found: the choice, the table and the picture."""

import csv
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from swept import MACHINE, make_rows, small

from sweep import results
from sweep.picture import BEST, draw
from sweep.results import choose, find_results, format_csv, format_markdown
from sweep.schema import Best

ROOT = Path(__file__).parents[1]
CHOICES = get_args(get_args(Best)[0])


def test_validation_chooses_and_test_does_not() -> None:
    made = make_rows(small(), [(0.8, 0.1), (0.7, 0.9)])
    assert choose(small(), made) is made[0]
    lowest = small(best="lowest val_loss")
    assert choose(lowest, made) is made[1]
    assert choose(small(), make_rows(small(), [None, None])) is None


@pytest.mark.parametrize("best", CHOICES)
def test_every_figure_that_may_choose_is_one_that_runs_have(
    best: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "d3" if best.endswith(("accuracy", "loss")) else "a6"
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(results, "list_experiments", lambda: {"s-1": "HEAD"})
    monkeypatch.setattr(results, "identify_result_at", lambda *_: "id1")
    found = find_results("s", small(best=best, run=run), Path("no/table"))
    assert found["id1"].validation > 0 < found["id1"].test


def test_the_table_has_every_point_and_marks_the_best() -> None:
    sweep = small()
    made = make_rows(sweep, [None, (0.7, 0.9)])
    table = list(csv.DictReader(format_csv(sweep, made).splitlines()))
    assert [(row["status"], row["best"]) for row in table] == [("failed", ""), ("finished", "yes")]
    assert table[1] == {
        "point": "2", "experiment": "s-2", "status": "finished", "recipes.short.lr": "0.2", "seeds": "0",
        "val_accuracy": "0.7", "test_accuracy": "0.9", "best": "yes", "machine": MACHINE,
        "identity": "id2",
    }  # fmt: skip
    lines = format_markdown("s", sweep, made).splitlines()
    assert lines[0] == "# Sweep s: 1 of 2 points of run dense"
    assert lines[-4:] == [
        "| s-2 | 0.2 | 0 | 0.7 | 0.9 | **best** |",
        "| s-1 | 0.1 | 0 |  |  | failed |",
        "",
        f"Trained on: {MACHINE} (1).",
    ]
    assert "Trained" not in format_markdown("s", sweep, make_rows(sweep, [None, None]))


def test_two_parameters_are_a_heatmap_with_the_best_framed() -> None:
    sweep = small(grid={"recipes.short.lr": [0.1, 0.2], "recipes.short.optimizer": ["sgd", "adam"]})
    [axes] = draw("s", sweep, make_rows(sweep, [(0.5, 0), (0.6, 0), None, (0.4, 0)])).axes
    assert [text.get_text() for text in axes.texts] == ["0.5", "0.6", "0.4"]
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle) and not patch.get_fill()]
    assert [frame.get_xy() for frame in frames] == [(0.5, -0.5)]
    assert axes.get_xlabel() == "optimizer"


def test_more_parameters_are_parallel_coordinates_with_the_best_in_orange() -> None:
    keys = {"recipes.short.lr": [0.1, 0.2], "recipes.short.optimizer": ["sgd", "adam"]}
    sweep = small(grid={**keys, "recipes.short.ema_decay": [0.0, 0.5]}, best="lowest val_loss")
    figures = [(place / 10, 0.0) for place in range(8)]
    [axes] = draw("s", sweep, make_rows(sweep, [*figures[:7], None])).axes
    paths = [line for line in axes.lines if np.size(line.get_xdata()) == 4]
    assert len(paths) == 7
    assert [line for line in paths if line.get_color() == BEST] == [paths[0]]
    assert [text.get_text() for text in axes.get_xticklabels()] == [
        "lr",
        "optimizer",
        "ema_decay",
        "val_loss",
    ]


def test_many_numbers_are_drawn_to_scale_and_only_ends_and_best_are_written() -> None:
    rates: list[Any] = [0.001, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1]
    sweep = small(
        grid={"recipes.short.lr": rates, "recipes.short.momentum": [0.5], "recipes.short.ema_decay": [0.0]}
    )
    figures = [(0.1, 0.0), (0.7, 0.0), *[(0.2, 0.0)] * 5]
    [axes] = draw("s", sweep, make_rows(sweep, figures)).axes
    assert [text.get_text() for text in axes.texts] == ["0.001", "0.01", "0.1", "0.1", "0.7"]
    [middle] = [text for text in axes.texts if isinstance(text, Annotation) and text.get_text() == "0.01"]
    assert middle.xy[1] == pytest.approx(0.5)  # by its logarithm
