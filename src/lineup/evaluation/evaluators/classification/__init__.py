"""Classification: accuracy with its intervals, loss, precision, recall, F1, calibration, the gap to train."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from lineup.data.dataset import ImageDataset
from lineup.evaluation.evaluators.classification.calibration import fit_temperature, measure_error
from lineup.evaluation.evaluators.classification.examples import Examples
from lineup.evaluation.evaluators.classification.pictures import (
    plot_confusions,
    plot_predictions,
    plot_suspects,
)
from lineup.evaluation.evaluators.classification.reliability import plot_reliability
from lineup.evaluation.predictions import SPLITS
from lineup.evaluation.quality import Quality, measure_quality
from lineup.evaluation.scoring import Apply, Sample, SeedScores
from lineup.models import PixelModel
from lineup.statistics.intervals import wilson_interval

DIGITS, HEADLINE = 6, "accuracy"
BRIEF = ("val_accuracy", "test_accuracy", "test_loss", "macro_f1")


def score_seed(
    apply: Apply, model: PixelModel, learn: ImageDataset, samples: Mapping[str, Sample], where: str
) -> SeedScores:
    """Score one seed by its logits.

    Raises LineupError, naming `where`, if an output is not finite.
    """
    logits = {name: apply(model, sample.images) for name, sample in samples.items()}
    quality = {
        name: measure_quality(logits[name], sample.labels, learn.classes, f"{where} on {name}")
        for name, sample in samples.items()
    }
    probabilities = {name: logits[name].softmax(1) for name in SPLITS}
    figures = {**_list_figures(quality), **_calibrate(logits, samples)}
    right = logits["test"].argmax(1) == samples["test"].labels
    return SeedScores(figures, quality["test"], probabilities, right, {})


def complete(mean: Mapping[str, float], test_images: int) -> dict[str, float]:
    """Put the interval of the test accuracy beside it."""
    low, high = wilson_interval(mean["test_accuracy"], test_images)
    first = {name: mean[name] for name in ("val_accuracy", "val_loss", "test_accuracy")}
    return {**first, "test_low": low, "test_high": high, **mean}


def draw(
    apply: Apply,
    model: PixelModel,
    scores: SeedScores,
    samples: Mapping[str, Sample],
    classes: Sequence[str],
    folder: Path,
) -> None:
    """Draw what one seed answered on test, how sure it was, what it confuses, and which labels it doubts."""
    test, probabilities = samples["test"], scores.probabilities["test"]
    examples = Examples(test, probabilities, classes)
    plot_predictions(examples, folder / "predictions.png")
    plot_confusions(examples, folder / "confusions.png")
    plot_suspects(examples, folder / "suspects.png")
    temperature = scores.figures["temperature"]
    plot_reliability(probabilities, test.labels, temperature, folder / "reliability.png")


def _list_figures(quality: Mapping[str, Quality]) -> dict[str, float]:
    """The figures of one seed; precision, recall and F1 are those of test, gap is train minus validation."""
    train, val, test = (quality[name] for name in ("train", "val", "test"))
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


def _calibrate(logits: Mapping[str, Tensor], samples: Mapping[str, Sample]) -> dict[str, float]:
    """Calibration error on test, as it is and at the temperature that validation asks for."""
    test, labels = logits["test"], samples["test"].labels
    temperature = fit_temperature(logits["val"], samples["val"].labels)
    return {
        "test_ece": measure_error(test.softmax(1), labels),
        "temperature": temperature,
        "test_ece_scaled": measure_error((test / temperature).softmax(1), labels),
    }
