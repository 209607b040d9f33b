"""The figures of a run as files keep them: means over seeds for DVC, and all the rest beside them."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lineup.evaluation.predictions import Predictions, digest_ids
from lineup.evaluation.quality import Quality, wilson_interval
from lineup.evaluation.scoring import SeedScores

DIGITS = 6
COST = ("parameters", "trainable_parameters", "macs")


def summarize_run(
    scores: Mapping[int, SeedScores], test_images: int, cost: Mapping[str, int]
) -> dict[str, float]:
    """Means over seeds, flat and in a fixed order; `cost` holds the figures named in COST."""
    figures = [summarize_seed(seed) for seed in scores.values()]
    mean = {name: statistics.fmean(seed[name] for seed in figures) for name in figures[0]}
    low, high = wilson_interval(mean["test_accuracy"], test_images)
    ordered = {
        "val_accuracy": mean["val_accuracy"],
        "val_loss": mean["val_loss"],
        "test_accuracy": mean["test_accuracy"],
        "test_low": low,
        "test_high": high,
        **mean,
    }
    return {**_round(ordered), **{name: cost[name] for name in COST}}


def summarize_seed(scores: SeedScores) -> dict[str, float]:
    """The figures of one seed; precision, recall and F1 are those of test, gap is train minus validation."""
    train, val, test = (scores.quality[name] for name in ("train", "val", "test"))
    return {
        "val_accuracy": val.accuracy,
        "val_loss": val.loss,
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "macro_precision": test.macro_precision,
        "macro_recall": test.macro_recall,
        "macro_f1": test.macro_f1,
        "train_accuracy": train.accuracy,
        "train_loss": train.loss,
        "gap": train.accuracy - val.accuracy,
    }


def detail_run(scores: Mapping[int, SeedScores], predictions: Predictions) -> dict[str, Any]:
    """Figures of every seed, their standard deviation (null for one seed), classes, and what was scored."""
    figures = {str(seed): summarize_seed(score) for seed, score in scores.items()}
    return {
        "images": {name: len(answers.ids) for name, answers in predictions.splits.items()},
        "ids": {name: digest_ids(answers.ids) for name, answers in predictions.splits.items()},
        "seeds": {seed: _round(figure) for seed, figure in figures.items()},
        "sd": _deviations(list(figures.values())),
        "per_class": _mean_classes([score.quality["test"] for score in scores.values()]),
    }


def confusion_csv(scores: Mapping[int, SeedScores], classes: Sequence[str]) -> str:
    """CSV of actual, predicted and count on test, summed over seeds, in the order of `classes`."""
    counts = np.sum([score.quality["test"].confusion for score in scores.values()], axis=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("actual", "predicted", "count"))
    for row, actual in enumerate(classes):
        writer.writerows((actual, predicted, counts[row, column]) for column, predicted in enumerate(classes))
    return text.getvalue()


def _deviations(figures: list[dict[str, float]]) -> dict[str, float | None]:
    if len(figures) == 1:
        return dict.fromkeys(figures[0])
    return {name: round(statistics.stdev(figure[name] for figure in figures), DIGITS) for name in figures[0]}


def _mean_classes(qualities: list[Quality]) -> dict[str, dict[str, float]]:
    return {
        label: _round(
            {name: statistics.fmean(quality.per_class[label][name] for quality in qualities) for name in row}
        )
        for label, row in qualities[0].per_class.items()
    }


def _round(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in figures.items()}
