"""Test images with what a model answered: right and wrong ones, its worst confusions, labels it doubts."""

from pathlib import Path

import torch
from torch import Tensor

from lineup.evaluation.evaluators.classification.examples import Examples, surest
from lineup.evaluation.evaluators.classification.suspects import find_suspects
from lineup.pictures import new_figure, save_figure, space

COLUMNS, ROWS = 8, 2
CONFUSIONS = 4  # rows of the picture of confusions
WIDTH, HEIGHT, TITLE = 1.25, 1.6, 0.45  # inches: a column, a row with its captions, a line of text


def plot_predictions(examples: Examples, path: Path) -> None:
    """Write a PNG of right and wrong answers. The same input gives the same bytes."""
    right, wrong = choose_examples(examples.right, examples.confidence, COLUMNS * ROWS)
    figure = new_figure(COLUMNS * WIDTH, 2 * (ROWS * HEIGHT + TITLE))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, hspace=0.04)
    upper.suptitle("Right answers, evenly spaced over the test images", fontsize=11)
    lower.suptitle("Wrong answers, surest first", fontsize=11)
    for half, places in ((upper, right), (lower, wrong)):
        examples.draw(half, places, ROWS, COLUMNS)
    save_figure(figure, path)


def plot_confusions(examples: Examples, path: Path) -> None:
    """Write a PNG of the most frequent confusions, a row each, the surest mistakes first.

    Nothing is written where all answers are right.
    """
    pairs = rank_confusions(examples.sample.labels, examples.answers, len(examples.classes))[:CONFUSIONS]
    if not pairs:
        return
    figure = new_figure(COLUMNS * WIDTH, len(pairs) * (HEIGHT + TITLE))
    rows = figure.subfigures(len(pairs), 1, squeeze=False, hspace=0.04)[:, 0]
    for row, (actual, answer, count) in zip(rows, pairs, strict=True):
        both = (examples.sample.labels == actual) & (examples.answers == answer)
        name, taken = examples.classes[actual], examples.classes[answer]
        row.suptitle(f"{name} taken for {taken}: {count}", fontsize=11)
        examples.draw(row, surest(both.nonzero().flatten(), examples.confidence, COLUMNS), 1, COLUMNS)
    save_figure(figure, path)


def plot_suspects(examples: Examples, path: Path) -> None:
    """Write a PNG of images whose labels may be wrong, the likeliest first; nothing if there are none."""
    suspects = find_suspects(examples.probabilities, examples.sample.labels)
    if not suspects:
        return
    shown = suspects[: COLUMNS * ROWS]
    rows = -(-len(shown) // COLUMNS)
    figure = new_figure(COLUMNS * WIDTH, rows * HEIGHT + TITLE)
    figure.suptitle(f"{len(suspects)} label suspects on test, the likeliest first", fontsize=11)
    examples.draw(figure, shown, rows, COLUMNS)
    save_figure(figure, path)


def choose_examples(right: Tensor, confidence: Tensor, count: int) -> tuple[list[int], list[int]]:
    """Places of up to `count` right answers, evenly spaced, and of as many wrong ones, surest first.

    right: bool [n]; confidence: float [n], the probability of the answer.
    """
    spaced: list[int] = space(right.nonzero().flatten(), count).tolist()
    return spaced, surest((~right).nonzero().flatten(), confidence, count)


def rank_confusions(labels: Tensor, answers: Tensor, classes: int) -> list[tuple[int, int, int]]:
    """Actual class, answer and how often, for every confusion that occurs, the most frequent first.

    labels, answers: int64 [n].
    """
    counts = torch.bincount(labels * classes + answers, minlength=classes**2)
    pairs = [(place // classes, place % classes, int(count)) for place, count in enumerate(counts)]
    return sorted((pair for pair in pairs if pair[0] != pair[1] and pair[2]), key=lambda pair: -pair[2])
