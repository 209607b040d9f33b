"""Classification as the comparison shows it: ranked by accuracy."""

from functools import partial

from lineup.comparison.metrics import format_digits
from lineup.comparison.pictures.bars import plot_accuracy, plot_gap
from lineup.comparison.pictures.cost import find_front, plot_cost, plot_size
from lineup.comparison.task import (
    COST,
    FULL_COST,
    NAME,
    RANK,
    Column,
    Row,
    Task,
    digits,
    figure,
    interval,
    spread,
    text,
    without_duplicates,
)


def format_accuracy(row: Row) -> str:
    """Test accuracy with the longer side of its 95 % interval: near 1 the upper side is the shorter one."""
    accuracy = row["test_accuracy"]
    return f"{accuracy:.4f} ±{max(row['test_high'] - accuracy, accuracy - row['test_low']):.4f}"


TASK = Task(
    name="classification",
    title="Classification",
    headline="accuracy",
    metrics=(
        *("val_accuracy", "test_accuracy", "test_low", "test_high", "test_loss", "macro_f1"),
        *("train_accuracy", "gap", "val_loss", "macro_precision", "macro_recall"),
        *("test_ece", "temperature", "test_ece_scaled"),
    ),
    curves={"accuracy": "accuracy", "loss": "loss"},
    brief=(
        RANK,
        *NAME,
        figure("Val.", "val_accuracy"),
        Column("Test (95 %)", "test_accuracy", format_accuracy),
        figure("F1", "macro_f1"),
        *COST,
    ),
    more=(
        text("Run", "run"),
        Column("Train - val.", "gap", lambda row: f"{row['gap']:+.4f}"),
        without_duplicates("Without duplicates", "test_accuracy"),
        Column(
            "Points per million param.",
            "test_accuracy",
            lambda row: format_digits(100e6 * row["test_accuracy"] / row["parameters"]),
        ),
        figure("Calibration error (ECE)", "test_ece"),
        digits("Temperature (fitted)", "temperature"),
        figure("ECE at it", "test_ece_scaled"),
        text("Most confused", "confused"),
    ),
    full=(
        *NAME,
        RANK,
        figure("validation", "val_accuracy"),
        figure("test", "test_accuracy"),
        without_duplicates("without duplicates", "test_accuracy"),
        interval("images 95 %", "test", "test_accuracy"),
        spread("sd (seeds)", "test_sd"),
        interval("seeds 95 %", "test_seeds", "test_accuracy"),
        figure("F1", "macro_f1"),
        figure("loss", "test_loss"),
        figure("calibration error", "test_ece"),
        Column("train - val.", "gap", lambda row: f"{row['gap']:+.4f}"),
        *FULL_COST,
    ),
    seeds=(
        text("seed", "seed"),
        figure("train", "train_accuracy"),
        figure("validation", "val_accuracy"),
        figure("test", "test_accuracy"),
        figure("test loss", "test_loss"),
        figure("calibration error", "test_ece"),
        digits("temperature", "temperature"),
        figure("at that temperature", "test_ece_scaled"),
    ),
    score=format_accuracy,
    draw=(plot_accuracy, plot_cost, plot_size, plot_gap),
    front=partial(find_front, cost="macs"),
    note="Val. and Test are accuracies, Test with its 95 % interval; F1 is the macro mean on test.",
    matrix="Confusion on test",
)
