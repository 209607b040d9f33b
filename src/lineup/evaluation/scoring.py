"""The scores of a run's seeds on train, validation and test images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lineup.data.pack import Pack
from lineup.evaluation.predictions import SPLITS, Answers, Predictions
from lineup.evaluation.quality import Quality, measure_quality


@dataclass(frozen=True)
class Sample:
    """Images uint8 [n, h, w, c] with labels and ids, int64 [n]."""

    images: Tensor
    labels: Tensor
    ids: Tensor


@dataclass(frozen=True)
class SeedScores:
    """One seed: its quality and its probabilities, float32 [n, classes], by the name of the sample."""

    quality: dict[str, Quality]
    probabilities: dict[str, Tensor]


def choose_samples(learn: Pack, test: Pack) -> dict[str, Sample]:
    """Choose what is scored: all of `val` and `test`, and as many images of `train` as `val` has.

    Packed images are ordered by label, so evenly spaced ones are a fixed and stratified sample.
    """
    val = learn.held_out.nonzero().flatten()
    train = (~learn.held_out).nonzero().flatten()
    count = min(len(train), len(val))
    spaced = train[torch.arange(count) * len(train) // count]
    everything = torch.arange(len(test.labels))
    return {"train": _take(learn, spaced), "val": _take(learn, val), "test": _take(test, everything)}


def score_seed(
    apply: Callable[[Tensor], Tensor], samples: dict[str, Sample], classes: Sequence[str], where: str
) -> SeedScores:
    """Score one seed; `apply` gives logits float32 [n, classes] for images uint8 [n, h, w, c].

    Raises LineupError, naming `where`, if an output is not finite.
    """
    logits = {name: apply(sample.images) for name, sample in samples.items()}
    quality = {
        name: measure_quality(logits[name], sample.labels, classes, f"{where} on {name}")
        for name, sample in samples.items()
    }
    return SeedScores(quality, {name: logits[name].softmax(1) for name in SPLITS})


def collect_predictions(
    scores: dict[int, SeedScores], samples: dict[str, Sample], classes: Sequence[str]
) -> Predictions:
    """Put the answers of all seeds together, to be kept."""
    splits = {
        name: Answers(
            samples[name].ids,
            samples[name].labels,
            torch.stack([seed.probabilities[name] for seed in scores.values()]),
        )
        for name in SPLITS
    }
    return Predictions(tuple(scores), tuple(classes), splits)


def _take(pack: Pack, places: Tensor) -> Sample:
    return Sample(pack.images[places], pack.labels[places], pack.ids[places])
