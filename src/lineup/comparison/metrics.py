"""How a measured figure is called, written and judged: by the last word of its name, as in test_accuracy."""

WORDS = {
    **{"mse": "MSE", "psnr": "PSNR", "ssim": "SSIM", "f1": "F1", "ece": "ECE", "macs": "MACs"},
    "val": "validation",
}
FORMS = {"mse": ".6f", "psnr": ".2f", "parameters": ",.0f", "macs": ",.0f"}
SMALLER_IS_BETTER = ("loss", "mse", "ms", "parameters", "macs", "ece", "scaled", "gap")


def name_metric(metric: str) -> str:
    """A metric as people write it: `validation accuracy`, `test MSE`."""
    return " ".join(WORDS.get(word, word) for word in metric.split("_"))


def format_metric(metric: str, value: float, sign: str = "") -> str:
    """A figure with the digits that its metric needs; sign `+` for differences: one never looks like 0."""
    quantity = _quantity(metric)
    if quantity == "ms":
        return format_digits(value, sign)
    return _format_unlike_zero(value, FORMS.get(quantity, ".4f"), sign)


def format_digits(value: float, sign: str = "") -> str:
    """A number of three digits or, without a power of ten, all of those before the point: 14.5, 1,372."""
    return format(value, f"{sign},.0f" if abs(value) >= 999.5 else f"{sign}.3g")


def format_differences(metric: str, *values: float, sign: str = "+") -> str:
    """Differences of two figures, joined by `to`: accuracies differ by points, hundredths of all images."""
    if is_share(metric):
        return " to ".join(_format_unlike_zero(100 * value, ".2f", sign) for value in values) + " points"
    return " to ".join(format_metric(metric, value, sign) for value in values)


def is_share(metric: str) -> bool:
    """Whether a figure is a share of all images, so that none is above 1."""
    return _quantity(metric) == "accuracy"


def is_smaller_better(metric: str) -> bool:
    """Whether a smaller figure is the better one."""
    return _quantity(metric) in SMALLER_IS_BETTER


def format_count(number: float) -> str:
    """A count with three digits and a unit: 622K, 11.2M, 1.3G."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if number >= size * 0.9995:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def _format_unlike_zero(value: float, form: str, sign: str) -> str:
    text = format(value, sign + form)
    return text if float(text.replace(",", "")) or not value else format(value, f"{sign}.2g")


def _quantity(metric: str) -> str:
    return metric.rpartition("_")[2]
