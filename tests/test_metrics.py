"""How the metrics of the comparison are written, and which way they are better."""

import pytest

from lineup.comparison.classification import format_accuracy
from lineup.comparison.metrics import (
    format_count,
    format_differences,
    format_digits,
    format_metric,
    is_smaller_better,
    name_metric,
)
from lineup.comparison.task import interval
from lineup.comparison.texts import format_claimed


def test_an_accuracy_has_the_longer_side_of_its_interval() -> None:
    assert format_accuracy({"test_accuracy": 0.98, "test_low": 0.96, "test_high": 0.99}) == "0.9800 ±0.0200"
    assert format_accuracy({"test_accuracy": 0.02, "test_low": 0.01, "test_high": 0.04}) == "0.0200 ±0.0200"


@pytest.mark.parametrize(("split", "text"), [("test", "622,282 (test)"), ("", "622,282")])
def test_a_claim_names_its_images_if_it_has_any(split: str, text: str) -> None:
    assert format_claimed({"metric": "parameters", "claimed": 622_282.0, "split": split}) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12"), (622_282, "622K"), (999_990, "1M"), (11_173_962, "11.2M"), (1.3e9, "1.3G")],
)
def test_counts_are_short(number: float, text: str) -> None:
    assert format_count(number) == text


@pytest.mark.parametrize(
    ("metric", "text", "name", "smaller"),
    [
        ("test_accuracy", "+0.1235", "test accuracy", False),
        ("val_loss", "+0.1235", "validation loss", True),
        ("test_mse", "+0.123457", "test MSE", True),
        ("test_psnr", "+0.12", "test PSNR", False),
        ("latency_ms", "+0.123", "latency ms", True),
        ("test_ece", "+0.1235", "test ECE", True),
        ("test_ece_scaled", "+0.1235", "test ECE scaled", True),
        ("macs", "+0.12", "MACs", True),
    ],
)
def test_metrics_have_their_digits_and_the_direction(
    metric: str, text: str, name: str, smaller: bool
) -> None:
    assert format_metric(metric, 0.1234567, "+") == text
    assert name_metric(metric) == name
    assert is_smaller_better(metric) is smaller


def test_accuracies_differ_by_points() -> None:
    assert format_differences("test_accuracy", -0.0283, 0.0409) == "-2.83 to +4.09 points"
    assert format_differences("test_mse", 0.0001, sign="") == "0.000100"
    assert format_differences("test_accuracy", -0.00003, 0.0) == "-0.003 to +0.00 points"


def test_the_interval_of_a_share_ends_where_shares_do() -> None:
    row = {"test_seeds_low": -0.03, "test_seeds_high": 1.3681}
    assert interval("seeds", "test_seeds", "test_accuracy").text(row) == "0.0000 to 1.0000"
    assert interval("seeds", "test_seeds", "test_mse").text(row) == "-0.030000 to 1.368100"
    assert interval("seeds", "test_seeds", "test_accuracy").text(dict.fromkeys(row)) == ""


def test_numbers_have_three_digits_or_all_of_those_before_the_point() -> None:
    numbers = (0.06169, 9.999, 523.4, 999.4, 999.6, 144_500)
    assert [format_digits(each) for each in numbers] == ["0.0617", "10", "523", "999", "1,000", "144,500"]
    assert format_metric("latency_ms", 1371.6) == "1,372"
    assert format_metric("macs", 6.3e6) == "6,300,000"
