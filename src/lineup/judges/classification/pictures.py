"""Test images with what a model answered: right ones, and the wrong ones it was surest of."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from matplotlib.axes import Axes
from torch import Tensor

from lineup.evaluation.scoring import Sample
from lineup.pictures import draw_image, new_figure, save_figure, space

COLUMNS, ROWS = 8, 2
RIGHT, WRONG = "#1a7f37", "#cf222e"


def draw_predictions(sample: Sample, probabilities: Tensor, classes: Sequence[str], path: Path) -> None:
    """Write a PNG of images of `sample` with actual class, answer and confidence.

    probabilities: float32 [n, classes] of one seed. The same input gives the same bytes.
    """
    confidence, answers = probabilities.max(1)
    right, wrong = choose_examples(answers == sample.labels, confidence, COLUMNS * ROWS)
    figure = new_figure(COLUMNS * 1.25, 2 * ROWS * 1.6 + 0.9)
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, hspace=0.04)
    upper.suptitle("Right answers, evenly spaced over the test images", fontsize=11)
    lower.suptitle("Wrong answers, surest first", fontsize=11)
    for half, places, color in ((upper, right, RIGHT), (lower, wrong, WRONG)):
        for axes, place in zip_longest(half.subplots(ROWS, COLUMNS).flat, places):
            axes.axis("off")
            if place is not None:
                actual, answer = classes[int(sample.labels[place])], classes[int(answers[place])]
                draw_image(axes, sample.images[place])
                _write_caption(axes, actual, answer, float(confidence[place]), color)
    save_figure(figure, path)


def choose_examples(right: Tensor, confidence: Tensor, count: int) -> tuple[list[int], list[int]]:
    """Places of up to `count` right answers, evenly spaced, and of as many wrong ones, surest first.

    right: bool [n]; confidence: float [n], the probability of the answer.
    """
    spaced = space(right.nonzero().flatten(), count)
    bad = (~right).nonzero().flatten()
    surest = bad[confidence[bad].argsort(descending=True, stable=True)][:count]
    return spaced.tolist(), surest.tolist()


def _write_caption(axes: Axes, actual: str, answer: str, confidence: float, color: str) -> None:
    text = f"{_shorten(answer)} {confidence:.0%}"
    if actual != answer:
        text += f"\nis {_shorten(actual)}"
    axes.set_title(text, fontsize=8, color=color, pad=3)


def _shorten(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"
