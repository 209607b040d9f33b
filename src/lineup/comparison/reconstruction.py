"""Reconstruction as the comparison shows it: compared by mean squared error, pixels from 0 to 1."""

from lineup.comparison.pictures.bars import plot_error
from lineup.comparison.task import (
    COST,
    FULL_COST,
    NAME,
    RANK,
    Task,
    figure,
    interval,
    spread,
    text,
    without_duplicates,
)

TASK = Task(
    name="reconstruction",
    title="Reconstruction",
    headline="mse",
    metrics=(
        *("val_mse", "test_mse", "val_psnr", "test_psnr", "val_ssim", "test_ssim", "train_mse", "gap"),
        *("probe_val_accuracy", "probe_test_accuracy"),
    ),
    curves={"loss": "MSE", "psnr": "PSNR (dB)"},
    brief=(
        RANK,
        *NAME,
        figure("Val. MSE", "val_mse"),
        figure("Test MSE", "test_mse"),
        figure("PSNR", "test_psnr"),
        figure("SSIM", "test_ssim"),
        figure("Probe", "probe_test_accuracy"),
        *COST,
    ),
    more=(
        text("Run", "run"),
        figure("Train MSE", "train_mse"),
        without_duplicates("Without duplicates", "test_mse"),
        figure("Probe val.", "probe_val_accuracy"),
        text("Probe most confused", "confused"),
    ),
    full=(
        *NAME,
        RANK,
        figure("val. MSE", "val_mse"),
        figure("test MSE", "test_mse"),
        without_duplicates("without duplicates", "test_mse"),
        spread("sd (seeds)", "test_sd"),
        interval("seeds 95 %", "test_seeds", "test_mse"),
        figure("train MSE", "train_mse"),
        figure("PSNR (dB)", "test_psnr"),
        figure("SSIM", "test_ssim"),
        figure("probe val.", "probe_val_accuracy"),
        figure("probe test", "probe_test_accuracy"),
        *FULL_COST,
    ),
    seeds=(
        text("seed", "seed"),
        figure("train MSE", "train_mse"),
        figure("val. MSE", "val_mse"),
        figure("test MSE", "test_mse"),
        figure("PSNR (dB)", "test_psnr"),
        figure("probe test", "probe_test_accuracy"),
    ),
    score=figure("Test MSE", "test_mse").text,
    draw=(plot_error,),
    front=None,
    note="MSE is of pixels from 0 to 1; PSNR (dB), SSIM and Probe, the accuracy of a linear classifier on "
    "the frozen latents, are of test.",
    matrix="Confusion of the linear probe on test",
)
