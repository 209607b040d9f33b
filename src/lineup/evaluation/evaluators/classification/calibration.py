"""Whether a classifier is as sure as it is right, and the temperature that would make it so."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import multiclass_calibration_error

BINS = 15
# Natural logarithms of the temperatures that are tried: 1/20 to 20.
WIDEST = math.log(20)


def measure_error(probabilities: Tensor, labels: Tensor) -> float:
    """Expected calibration error (Naeini et al. 2015), by torchmetrics, in BINS bins of equal width.

    probabilities: float [n, classes]; labels: int64 [n]. It is the mean distance between the probability of
    the answer and the share of right answers: 0.02 is off by two points.
    """
    classes = probabilities.shape[1]
    return float(multiclass_calibration_error(probabilities, labels, classes, n_bins=BINS, norm="l1"))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The number that logits [n, classes] must be divided by for the least loss (Guo et al. 2017).

    Fitted on validation. More than 1: the model is too sure.
    """
    double = logits.double()

    def loss(logarithm: float) -> float:
        return cross_entropy(double / math.exp(logarithm), labels).item()

    return math.exp(minimize_scalar(loss, bounds=(-WIDEST, WIDEST), method="bounded").x)


def trace_reliability(
    probabilities: Tensor, labels: Tensor
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean probability of the answers and share of right ones, in each of BINS bins that holds any."""
    confidence, answers = probabilities.max(1)
    share, sure = calibration_curve((answers == labels).numpy(), confidence.numpy(), n_bins=BINS)
    return sure, share
