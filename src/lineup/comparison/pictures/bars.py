"""A line a run: accuracy with its interval, error, the gap between train and validation."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lineup.comparison.metrics import format_metric, name_metric
from lineup.comparison.pictures.style import BAR, CLAIM, INK, MARK, STYLE, name_run
from lineup.comparison.task import Row
from lineup.pictures import new_figure


def plot_accuracy(rows: Sequence[Row]) -> Figure:
    """Draw test accuracy with its interval as a bar a measured run, best first, claims as marks."""
    with mpl.rc_context(STYLE):
        figure, axes = _draw_bars(rows, "accuracy", "test accuracy, 95 % interval")
        for place, row in enumerate(rows):
            sides = [[row["test_accuracy"] - row["test_low"]], [row["test_high"] - row["test_accuracy"]]]
            axes.errorbar(row["test_accuracy"], place, xerr=sides, color=INK, capsize=3, lw=1.2)
        axes.set_xlim(0, 1.1)
        axes.set_xticks([tenth / 10 for tenth in range(0, 11, 2)])
    return figure


def plot_error(rows: Sequence[Row]) -> Figure:
    """Draw mean squared error on test as a bar a measured run, best first, claims as marks."""
    with mpl.rc_context(STYLE):
        figure, axes = _draw_bars(rows, "mse", "mean squared error on test")
        axes.set_xlim(0, 1.2 * max(max(row["test_mse"], _find_claim(row, "mse")) for row in rows))
    return figure


def _draw_bars(rows: Sequence[Row], quantity: str, label: str) -> tuple[Figure, Axes]:
    """A bar a row for `quantity` on test, its number behind it, and a mark for what a report claims."""
    figure = new_figure(8, 1.3 + 0.34 * max(len(rows), 1))
    axes, metric = figure.subplots(), f"test_{quantity}"
    for place, row in enumerate(rows):
        value, claim = row[metric], _find_claim(row, quantity)
        axes.barh(place, value, color=BAR, height=0.62)
        if claim:
            axes.plot(claim, place, ms=16, **MARK)
        end, text = max(value, claim, row["test_high"] or 0), format_metric(metric, value)
        axes.annotate(text, (end, place), (8, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [name_run(row) for row in rows])
    axes.invert_yaxis()
    axes.margins(y=0.02)
    axes.set_xlabel(name_metric(quantity))
    marks = [Line2D([], [], color=BAR, lw=7, label=label)]
    if any(_find_claim(row, quantity) for row in rows):
        marks.append(Line2D([], [], label="claimed by the report (test or validation)", ms=12, **MARK))
    figure.legend(handles=marks, loc="outside upper center", ncols=2, fontsize=9)
    return figure, axes


def _find_claim(row: Row, quantity: str) -> float:
    """What the row's report claims of `quantity` on test or validation; 0 if nothing."""
    named = row["claimed_metric"] in (f"test_{quantity}", f"val_{quantity}")
    return row["claimed"] or 0.0 if named else 0.0


def plot_gap(rows: Sequence[Row]) -> Figure:
    """Draw how far accuracy on train lies above that on validation, a line a run, the widest gap first."""
    ranked = sorted(rows, key=lambda row: -row["gap"])
    with mpl.rc_context(STYLE):
        figure = new_figure(8, 1.3 + 0.34 * max(len(rows), 1))
        axes = figure.subplots()
        for place, row in enumerate(ranked):
            ends = row["val_accuracy"], row["train_accuracy"]
            axes.plot(ends, (place, place), color=BAR, lw=2, zorder=1)
            axes.scatter(ends, (place, place), color=(BAR, CLAIM), s=36, zorder=2)
            axes.annotate(
                f"{row['gap']:+.3f}", (max(ends), place), (8, 0), textcoords="offset points", va="center",
                fontsize=9,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [name_run(row) for row in ranked])
        axes.invert_yaxis()
        axes.margins(x=0.1, y=0.04)
        axes.set_xlabel("accuracy")
        axes.grid(axis="x", alpha=0.25)
        names = {"on validation": BAR, "on train, without augmentation": CLAIM}
        dots = [Line2D([], [], color=color, marker="o", ls="", label=name) for name, color in names.items()]
        figure.legend(handles=dots, loc="outside upper center", ncols=2, fontsize=9)
    return figure
