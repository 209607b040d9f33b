"""What reports say of their models, row by row."""

from dataclasses import dataclass

from lineup.errors import nearest

# What we measure, of every task: the means in metrics/detail, and how long an answer takes.
METRICS = (
    *("train_accuracy", "val_accuracy", "test_accuracy", "train_loss", "val_loss", "test_loss"),
    *("test_low", "test_high", "macro_precision", "macro_recall", "macro_f1"),
    *("test_ece", "temperature", "test_ece_scaled"),
    *("train_mse", "val_mse", "test_mse", "val_psnr", "test_psnr", "val_ssim", "test_ssim"),
    *("probe_val_accuracy", "probe_test_accuracy", "gap"),
    *("parameters", "trainable_parameters", "macs", "latency_ms"),
)
FRACTIONS = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class Claim:
    """One figure that a report gives; `metric` is empty and `claimed` None where it gives none.

    metric: one of METRICS, or empty; split: the images it was measured on,
    empty for what no images are needed for. The first claim of a row is the one that our figure is set
    beside.
    """

    row: str
    report: str
    what: str
    metric: str
    claimed: float | None
    split: str


def check_metric(metric: str) -> str:
    """Refuse, by ValueError, a metric that nothing of ours could be set beside."""
    if metric and metric not in METRICS:
        raise ValueError(f"a metric that we measure, or nothing ({nearest(metric, METRICS)})")
    return metric


def is_impossible(metric: str, claimed: float | None) -> bool:
    """Whether a fraction is claimed that no fraction is: a percentage, most likely."""
    return claimed is not None and metric.endswith(FRACTIONS) and not 0 <= claimed <= 1
