"""Pictures of the comparison, and how figures are written in it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_up import compare
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from PIL import Image

from lineup.comparison.classification import format_accuracy
from lineup.comparison.figures import (
    format_count,
    format_differences,
    format_digits,
    format_figure,
    is_smaller_better,
    name_metric,
)
from lineup.comparison.pictures.bars import draw_accuracy, draw_gap
from lineup.comparison.pictures.cost import choose_markers, draw_cost, draw_size, find_front
from lineup.comparison.pictures.curves import draw_overlay
from lineup.comparison.table import COLUMNS, group_measured
from lineup.comparison.task import Row, interval
from lineup.comparison.texts import format_claimed
from lineup.pictures import save_figure


def point(run: str, latency: float, accuracy: float) -> dict[str, Any]:
    entry: dict[str, Any] = {**dict.fromkeys(COLUMNS), "run": run, "row": ""}
    low, high = accuracy - 0.01, accuracy + 0.01
    cost = {"latency_ms": latency, "parameters": 1000 * latency, "machine": "Abacus"}
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


@pytest.mark.parametrize("draw", [draw_cost, draw_size])
def test_labels_of_many_runs_do_not_overlap(draw: Callable[[Sequence[Row]], Figure]) -> None:
    # Seventy runs, most of them of like cost and accuracy, as transfer has them.
    crowd = [point(f"a5_96_{i} (A5)", 6 + 5 * (i * 0.618 % 1), 0.6 + 0.003 * i) for i in range(50)]
    others = [point(f"b{i} (B)", 0.3 * 1.3**i, 0.6 + 0.015 * i) for i in range(20)]
    boxes = label_boxes(draw([*crowd, *others]))
    assert len(boxes) == 70
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_gaps_stand_widest_first() -> None:
    rows = [point("narrow", 1, 0.8), point("wide", 1, 0.7) | {"train_accuracy": 0.9, "gap": 0.2}]
    (axes,) = draw_gap(rows).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wide", "narrow"]


def test_labels_name_what_a_run_starts_from() -> None:
    rows = [point("plain", 1, 0.8), point("tuned", 1, 0.7) | {"row": "A1", "origin": "cifar100"}]
    (axes,) = draw_accuracy(rows).axes
    assert {label.get_text() for label in axes.get_yticklabels()} == {"plain", "tuned from cifar100 (A1)"}


@pytest.mark.parametrize("draw", [draw_cost, draw_size])
def test_marks_show_what_a_run_starts_from(draw: Callable[[Sequence[Row]], Figure]) -> None:
    rows = [point("tuned", 1, 0.7) | {"row": "A1", "origin": "cifar100"}, point("plain", 2, 0.8)]
    assert choose_markers(rows) == {"": "o", "cifar100": "D"}
    figure = draw(rows)
    (axes,) = figure.axes
    notes = [child.get_text() for child in axes.get_children() if isinstance(child, Annotation)]
    assert notes == ["tuned (A1)", "plain"]
    assert [str(line.get_marker()) for line in axes.lines] == ["None", "D", "o", "D"]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["not beaten in both", "from cifar100"]


@pytest.mark.parametrize("draw", [draw_cost, draw_size])
def test_the_legend_covers_no_dot(draw: Callable[[Sequence[Row]], Figure]) -> None:
    corners = [
        point(f"at {ms} {share}", ms, share) | {"origin": f"set {ms}", "machine": f"of {share}"}
        for ms in (1, 9)
        for share in (0.2, 0.9)
    ]
    figure = draw(corners)
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    [legend], [axes] = figure.legends, figure.axes
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())


def test_milliseconds_of_two_machines_are_told_apart() -> None:
    rows = [point("slow", 5, 0.9), point("fast", 1, 0.8), point("gpu", 1, 0.7) | {"machine": "Abacus GPU"}]
    figure = draw_cost(rows)
    (axes,) = figure.axes
    [legend] = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["not beaten in both: Abacus", "not beaten in both: Abacus GPU"]
    lines = {str(line.get_label()): line for line in axes.lines}
    assert list(lines[told[0]].get_xdata()) == [1, 5]
    assert list(lines[told[1]].get_xdata()) == [1]
    assert lines[told[0]].get_color() != lines[told[1]].get_color()
    (axes,) = draw_size(rows).axes
    assert [line.get_label() for line in axes.lines].count("not beaten in both") == 1


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


@pytest.mark.parametrize(("split", "text"), [("test", "622,282 (test)"), ("", "622,282")])
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
        ("test_ece", "+0.1235", "test ECE", True),
        ("test_ece_scaled", "+0.1235", "test ECE scaled", True),
        ("macs", "+0.12", "MACs", True),
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
    assert format_differences("test_accuracy", -0.00003, 0.0) == "-0.003 to +0.00 points"


def test_the_interval_of_a_share_ends_where_shares_do() -> None:
    row = {"test_seeds_low": -0.03, "test_seeds_high": 1.3681}
    assert interval("seeds", "test_seeds", "test_accuracy").text(row) == "0.0000 to 1.0000"
    assert interval("seeds", "test_seeds", "test_mse").text(row) == "-0.030000 to 1.368100"
    assert interval("seeds", "test_seeds", "test_accuracy").text(dict.fromkeys(row)) == ""


def test_numbers_have_three_digits_or_all_of_those_before_the_point() -> None:
    numbers = (0.06169, 9.999, 523.4, 999.4, 999.6, 144_500)
    assert [format_digits(each) for each in numbers] == ["0.0617", "10", "523", "999", "1,000", "144,500"]
    assert format_figure("latency_ms", 1371.6) == "1,372"
    assert format_figure("macs", 6.3e6) == "6,300,000"


def test_as_many_curves_as_there_are_runs_are_told_apart() -> None:
    runs = [f"run{number}" for number in range(80)]
    curves = [{"run": run, "split": "validation", "epoch": 1, "accuracy": 0.5} for run in runs]
    (axes,) = draw_overlay(curves, "accuracy", "accuracy").axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 80


def test_what_one_answer_costs_is_twice_an_image_where_flips_are_averaged(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = comparable / "params.yaml"
    data = json.loads(path.read_text())
    data["runs"]["own"]["tta"] = "flip"
    path.write_text(json.dumps(data))
    macs = {row["run"]: row["macs"] for row in compare(comparable, monkeypatch)}
    assert (macs["b1"], macs["own"]) == ("6300000", "12600000")


def test_runs_on_other_images_stand_apart_the_most_tried_dataset_first() -> None:
    row = {"status": "measured", "task": "classification"}
    found = [("a", "rare", 0.9), ("b", "usual", 0.5), ("c", "usual", 0.6)]
    rows = [{**row, "run": run, "dataset": dataset, "val_accuracy": val} for run, dataset, val in found]
    groups = [(group.title, [row["run"] for row in group.rows]) for group in group_measured(rows)]
    assert groups == [("Classification: usual", ["c", "b"]), ("Classification: rare", ["a"])]
    assert [group.title for group in group_measured(rows[1:])] == ["Classification"]
