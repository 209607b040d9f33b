"""Pictures of the comparison, and the groups and costs that they show."""

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

from lineup.comparison.pictures.bars import plot_accuracy, plot_gap
from lineup.comparison.pictures.cost import choose_markers, find_front, plot_cost, plot_size
from lineup.comparison.pictures.curves import plot_overlay
from lineup.comparison.table import COLUMNS, group_measured
from lineup.comparison.task import Row
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


@pytest.mark.parametrize("draw", [plot_cost, plot_size])
def test_labels_of_crowded_runs_do_not_overlap(draw: Callable[[Sequence[Row]], Figure]) -> None:
    rows = [point(f"model_number_{i}", 1 + 0.01 * i, 0.7 + 0.001 * i) for i in range(6)]
    figure = draw([*rows, point("far", 20, 0.9)])
    boxes = label_boxes(figure)
    assert len(boxes) == 7
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("draw", [plot_cost, plot_size])
def test_labels_of_many_runs_do_not_overlap(draw: Callable[[Sequence[Row]], Figure]) -> None:
    # Seventy runs, most of them of like cost and accuracy, as transfer has them.
    crowd = [point(f"a5_96_{i} (A5)", 6 + 5 * (i * 0.618 % 1), 0.6 + 0.003 * i) for i in range(50)]
    others = [point(f"b{i} (B)", 0.3 * 1.3**i, 0.6 + 0.015 * i) for i in range(20)]
    boxes = label_boxes(draw([*crowd, *others]))
    assert len(boxes) == 70
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_gaps_stand_widest_first() -> None:
    rows = [point("narrow", 1, 0.8), point("wide", 1, 0.7) | {"train_accuracy": 0.9, "gap": 0.2}]
    (axes,) = plot_gap(rows).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wide", "narrow"]


def test_labels_name_what_a_run_starts_from() -> None:
    rows = [point("plain", 1, 0.8), point("tuned", 1, 0.7) | {"row": "A1", "origin": "cifar100"}]
    (axes,) = plot_accuracy(rows).axes
    assert {label.get_text() for label in axes.get_yticklabels()} == {"plain", "tuned from cifar100 (A1)"}


@pytest.mark.parametrize("draw", [plot_cost, plot_size])
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


@pytest.mark.parametrize("draw", [plot_cost, plot_size])
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
    figure = plot_cost(rows)
    (axes,) = figure.axes
    [legend] = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["not beaten in both: Abacus", "not beaten in both: Abacus GPU"]
    lines = {str(line.get_label()): line for line in axes.lines}
    assert list(lines[told[0]].get_xdata()) == [1, 5]
    assert list(lines[told[1]].get_xdata()) == [1]
    assert lines[told[0]].get_color() != lines[told[1]].get_color()
    (axes,) = plot_size(rows).axes
    assert [line.get_label() for line in axes.lines].count("not beaten in both") == 1


def label_boxes(figure: Figure) -> list[Any]:
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    notes = [child for child in figure.axes[0].get_children() if isinstance(child, Annotation)]
    return [super(Annotation, note).get_window_extent() for note in notes]


def test_pictures_of_no_run_and_of_one_are_drawn(tmp_path: Path) -> None:
    for name, table in {"none": [], "one": [point("a", 1, 1.0)]}.items():
        for draw in (plot_accuracy, plot_cost, plot_size, plot_gap):
            save_figure(draw(table), tmp_path / f"{name}.png")
            with Image.open(tmp_path / f"{name}.png") as picture:
                picture.load()


def test_as_many_curves_as_there_are_runs_are_told_apart() -> None:
    runs = [f"run{number}" for number in range(80)]
    curves = [{"run": run, "split": "validation", "epoch": 1, "accuracy": 0.5} for run in runs]
    (axes,) = plot_overlay(curves, "accuracy", "accuracy").axes
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
