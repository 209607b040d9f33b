"""A linear probe: how well a linear classifier reads an image's class off the frozen latent."""

import warnings
from collections.abc import Mapping

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

# Weights of half the squared length of the coefficients beside the mean loss; validation chooses.
PENALTIES = (1e-2, 1e-3, 1e-4)
STEPS = 60  # for each; on CIFAR-10 more of them change the accuracy by 0.001


def probe(
    features: Tensor, labels: Tensor, asked: Mapping[str, Tensor], val_labels: Tensor
) -> dict[str, Tensor]:
    """Logits float32 [n, classes] of logistic regression on features float32 [n, d], for those in `asked`.

    asked: features by split, those of `val` among them, on which the penalty is chosen by accuracy (the
    strongest of equals). labels: int64 [n], every class among them; features are standardised first.
    """
    mean, deviation = features.mean(0), features.std(0).clamp(min=1e-6)
    scaled = {name: (values - mean) / deviation for name, values in asked.items()}
    model = LogisticRegression(max_iter=STEPS, warm_start=True)
    best, logits = -1.0, {}
    for penalty in PENALTIES:
        _fit(model.set_params(C=1 / (penalty * len(labels))), (features - mean) / deviation, labels)
        answers = {name: _logits(model, values) for name, values in scaled.items()}
        right = (answers["val"].argmax(1) == val_labels).double().mean().item()
        if right > best:
            best, logits = right, answers
    return logits


def _fit(model: LogisticRegression, features: Tensor, labels: Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features.numpy(), labels.numpy())


def _logits(model: LogisticRegression, features: Tensor) -> Tensor:
    return torch.from_numpy(model.decision_function(features.numpy())).float()
