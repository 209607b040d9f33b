"""The picture of calibration: how often answers of each certainty are right."""

from pathlib import Path

import numpy as np
from torch import Tensor

from lineup.evaluation.evaluators.classification.calibration import BINS, measure_error, trace_reliability
from lineup.pictures import new_figure, save_figure

PLAIN, SCALED, QUIET = "#4c8fd0", "#e36209", "#8c959f"


def plot_reliability(probabilities: Tensor, labels: Tensor, temperature: float, path: Path) -> None:
    """Write a PNG with the reliability curve of one seed, as it is and at `temperature`.

    probabilities: float32 [n, classes]; labels: int64 [n]. Below stands how many answers are how sure.
    """
    figure = new_figure(5.2, 5.8)
    figure.suptitle("Calibration on test, first seed", fontsize=11)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot((0, 1), (0, 1), color=QUIET, lw=1, ls=":", label="as sure as right")
    scaled = (probabilities.clamp(min=1e-30).log() / temperature).softmax(1)
    for shown, name, color in (
        (probabilities, "as it is", PLAIN),
        (scaled, f"temperature {temperature:.2f}", SCALED),
    ):
        label = f"{name}: off by {100 * measure_error(shown, labels):.1f} points"
        upper.plot(*trace_reliability(shown, labels), color=color, marker="o", ms=4, label=label)
        confidence = shown.max(1).values.numpy()
        lower.hist(confidence, bins=np.linspace(0, 1, BINS + 1).tolist(), histtype="step", color=color)
    upper.set(ylabel="share of right answers", xlim=(0, 1), ylim=(0, 1))
    upper.legend(loc="upper left", fontsize=9)
    lower.set(xlabel="probability of the answer", ylabel="images")
    save_figure(figure, path)
