"""What is scored, and what scoring one seed of a run gives, whatever its task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from lineup.data.dataset import ImageDataset
from lineup.evaluation.predictions import SPLITS, Answers, Predictions
from lineup.evaluation.quality import Quality
from lineup.models import PixelModel


class Apply(Protocol):
    """Applies a model to images uint8 [n, h, w, c]; the outputs are float32 on the CPU."""

    def __call__(self, model: nn.Module, images: Tensor) -> Tensor:
        """Give the outputs."""


@dataclass(frozen=True)
class Sample:
    """Images uint8 [n, h, w, c] with labels and ids, int64 [n]."""

    images: Tensor
    labels: Tensor
    ids: Tensor


@dataclass(frozen=True)
class SeedScores:
    """One seed.

    figures: all that is averaged over seeds, in the order of the files; quality: of the answers on test;
    probabilities: float32 [n, classes] on `val` and `test`; outcomes: of every test image, whether it was
    answered right, bool [n], or its error, float32 [n]; kept: what else is kept of every image, float32 [n],
    by split and name, as in `test.mse`.
    """

    figures: dict[str, float]
    quality: Quality
    probabilities: dict[str, Tensor]
    outcomes: Tensor
    kept: dict[str, Tensor]


class Evaluator(Protocol):
    """What each package of lineup.evaluation.evaluators has; see there."""

    DIGITS: int
    HEADLINE: str
    BRIEF: tuple[str, ...]

    def score_seed(
        self, apply: Apply, model: PixelModel, learn: ImageDataset, samples: Mapping[str, Sample], where: str
    ) -> SeedScores:
        """One seed's figures, answers and confusion."""

    def complete(self, mean: Mapping[str, float], test_images: int) -> dict[str, float]:
        """The means over seeds with what follows from them, in their order."""

    def draw(
        self,
        apply: Apply,
        model: PixelModel,
        scores: SeedScores,
        samples: Mapping[str, Sample],
        classes: Sequence[str],
        folder: Path,
    ) -> None:
        """The pictures of one seed."""


def choose_samples(learn: ImageDataset, test: ImageDataset) -> dict[str, Sample]:
    """Choose what is scored: all of `val` and `test`, and as many images of `train` as `val` has.

    Packed images are ordered by label, so evenly spaced ones are a fixed and stratified sample.
    """
    val = learn.held_out.nonzero().flatten()
    train = (~learn.held_out).nonzero().flatten()
    count = min(len(train), len(val))
    spaced = train[torch.arange(count) * len(train) // count]
    everything = torch.arange(len(test.labels))
    return {"train": _take(learn, spaced), "val": _take(learn, val), "test": _take(test, everything)}


def collect_predictions(
    scores: Mapping[int, SeedScores], samples: Mapping[str, Sample], classes: Sequence[str]
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


def collect_kept(scores: Mapping[int, SeedScores]) -> dict[str, Tensor]:
    """What else is kept of every image, float32 [seeds, n]."""
    names = next(iter(scores.values())).kept
    return {name: torch.stack([seed.kept[name] for seed in scores.values()]) for name in names}


def _take(dataset: ImageDataset, places: Tensor) -> Sample:
    return Sample(dataset.images[places], dataset.labels[places], dataset.ids[places])
