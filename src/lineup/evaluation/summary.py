"""The figures of a run as files keep them."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lineup.evaluation.predictions import SPLITS, Predictions, digest_ids
from lineup.evaluation.quality import Quality
from lineup.evaluation.scoring import Evaluator, SeedScores
from lineup.statistics.intervals import seeds_interval

COST = ("parameters", "trainable_parameters", "macs")


def summarize_run(
    scores: Mapping[int, SeedScores], test_images: int, cost: Mapping[str, int], evaluator: Evaluator
) -> dict[str, float]:
    """Means over seeds, flat and in a fixed order; `cost` holds the figures named in COST.

    Of several seeds also the standard deviation of the evaluator's headline, and the interval of its mean on
    test.
    """
    figures = [seed.figures for seed in scores.values()]
    mean = {name: statistics.fmean(seed[name] for seed in figures) for name in figures[0]}
    complete = evaluator.complete(mean, test_images)
    complete |= _spread(figures, evaluator.HEADLINE)
    return {**_round(complete, evaluator.DIGITS), **{name: cost[name] for name in COST}}


def detail_run(
    scores: Mapping[int, SeedScores],
    predictions: Predictions,
    mean: Mapping[str, float],
    evaluator: Evaluator,
) -> dict[str, Any]:
    """Means over seeds, figures of every seed, their spread (null for one seed), classes, what was scored.

    sd is their standard deviation, interval that of their mean, by Student's t.
    """
    figures = {str(seed): score.figures for seed, score in scores.items()}
    return {
        "images": {name: len(answers.ids) for name, answers in predictions.splits.items()},
        "ids": {name: digest_ids(answers.ids) for name, answers in predictions.splits.items()},
        "mean": dict(mean),
        "seeds": {seed: _round(figure, evaluator.DIGITS) for seed, figure in figures.items()},
        "sd": _deviations(list(figures.values()), evaluator.DIGITS),
        "interval": _intervals(list(figures.values()), evaluator.DIGITS),
        "per_class": _mean_classes([score.quality for score in scores.values()], evaluator.DIGITS),
    }


def confusion_csv(scores: Mapping[int, SeedScores], classes: Sequence[str]) -> str:
    """CSV of actual, predicted and count on test, summed over seeds, in the order of `classes`."""
    counts = np.sum([score.quality.confusion for score in scores.values()], axis=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("actual", "predicted", "count"))
    for row, actual in enumerate(classes):
        writer.writerows((actual, predicted, counts[row, column]) for column, predicted in enumerate(classes))
    return text.getvalue()


def _deviations(figures: list[dict[str, float]], digits: int) -> dict[str, float | None]:
    if len(figures) == 1:
        return dict.fromkeys(figures[0])
    return {name: round(statistics.stdev(figure[name] for figure in figures), digits) for name in figures[0]}


def _intervals(figures: list[dict[str, float]], digits: int) -> dict[str, list[float] | None]:
    if len(figures) == 1:
        return dict.fromkeys(figures[0])
    columns = {name: seeds_interval([figure[name] for figure in figures]) for name in figures[0]}
    return {name: [round(end, digits) for end in ends] for name, ends in columns.items()}


def _spread(figures: list[dict[str, float]], headline: str) -> dict[str, float]:
    if len(figures) == 1:
        return {}
    val, test = ([figure[f"{split}_{headline}"] for figure in figures] for split in SPLITS)
    low, high = seeds_interval(test)
    deviations = {"val_sd": statistics.stdev(val), "test_sd": statistics.stdev(test)}
    return {**deviations, "test_seeds_low": low, "test_seeds_high": high}


def _mean_classes(qualities: list[Quality], digits: int) -> dict[str, dict[str, float]]:
    return {
        label: _round(
            {name: statistics.fmean(quality.per_class[label][name] for quality in qualities) for name in row},
            digits,
        )
        for label, row in qualities[0].per_class.items()
    }


def _round(figures: Mapping[str, float], digits: int) -> dict[str, float]:
    return {name: round(value, digits) for name, value in figures.items()}
