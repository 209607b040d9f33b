"""How a measured figure is called, written and judged: by the last word of its name, as in test_accuracy."""

WORDS = {"mse": "MSE", "psnr": "PSNR", "ssim": "SSIM", "f1": "F1", "val": "validation"}
FORMS = {"mse": ".6f", "psnr": ".2f", "ms": ".3g", "parameters": ".0f"}
SMALLER_IS_BETTER = ("loss", "mse", "ms", "parameters")


def name_metric(metric: str) -> str:
    """A metric as people write it: `validation accuracy`, `test MSE`."""
    return " ".join(WORDS.get(word, word) for word in metric.split("_"))


def format_figure(metric: str, value: float, sign: str = "") -> str:
    """A figure with the digits that its metric needs; sign `+` for differences: one never looks like 0."""
    text = format(value, sign + FORMS.get(_quantity(metric), ".4f"))
    return text if float(text) or not (sign and value) else format(value, f"{sign}.2g")


def format_differences(metric: str, *values: float, sign: str = "+") -> str:
    """Differences of two figures, joined by `to`: accuracies differ by points, hundredths of all images."""
    if is_share(metric):
        return " to ".join(format(100 * value, f"{sign}.2f") for value in values) + " points"
    return " to ".join(format_figure(metric, value, sign) for value in values)


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


def _quantity(metric: str) -> str:
    return metric.rpartition("_")[2]
