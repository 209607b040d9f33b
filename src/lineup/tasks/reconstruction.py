"""Reconstruction: squared error against the image itself, without labels; judged by that error and PSNR."""

import torch
from torch import Tensor
from torch.nn import functional

# What `score` sums up, in its order; SELECT names the one that decides which weights are kept.
SCORES = ("loss", "psnr")
SELECT = "loss"
LARGER_IS_BETTER = False

LEAST_ERROR = 1e-10  # what a perfect image counts as, so that PSNR stays finite: 100 dB


def loss(outputs: Tensor, images: Tensor, labels: Tensor, *, label_smoothing: float) -> Tensor:
    """Mean squared error of outputs in [0, 1] against raw images, both [n, c, h, w], in fp32.

    labels and label_smoothing play no part: the target is the input.
    """
    return functional.mse_loss(outputs.float(), images.float() / 255)


def score(outputs: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Sums over a batch, float64 [2]: each image's mean squared error, and its PSNR in dB."""
    errors = measure_errors(outputs.detach(), images)
    return torch.stack([errors.sum(), to_psnr(errors).sum()])


def measure_errors(outputs: Tensor, images: Tensor) -> Tensor:
    """Mean squared error of each image, float64 [n]; outputs and raw images as `loss` takes them."""
    squares = functional.mse_loss(outputs.float(), images.float() / 255, reduction="none")
    return squares.mean((1, 2, 3)).double()


def to_psnr(errors: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of mean squared errors on the scale [0, 1]: 10 log10(1 / mse)."""
    return -10 * errors.clamp(min=LEAST_ERROR).log10()
