"""What captioned images of test have in common: which are shown, and what stands above each."""

from collections.abc import Sequence
from itertools import zip_longest

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from lineup.evaluation.scoring import Sample
from lineup.pictures import plot_image

RIGHT, WRONG = "#1a7f37", "#cf222e"


class Examples:
    """Test images with what one seed answered: probabilities are float32 [n, classes]."""

    def __init__(self, sample: Sample, probabilities: Tensor, classes: Sequence[str]) -> None:
        self.sample, self.classes = sample, classes
        self.probabilities = probabilities
        self.confidence, self.answers = probabilities.max(1)

    @property
    def right(self) -> Tensor:
        """Which answers are right: bool [n]."""
        return self.answers == self.sample.labels

    def draw(self, half: Figure | SubFigure, places: Sequence[int], rows: int, columns: int) -> None:
        """Fill a grid of `half` with the images at `places`, each under its answer, confidence and label."""
        for axes, place in zip_longest(half.subplots(rows, columns, squeeze=False).flat, places):
            axes.axis("off")
            if place is not None:
                plot_image(axes, self.sample.images[place])
                self._write_caption(axes, place)

    def _write_caption(self, axes: Axes, place: int) -> None:
        actual, answer = int(self.sample.labels[place]), int(self.answers[place])
        text = f"{_shorten(self.classes[answer])} {float(self.confidence[place]):.0%}"
        if actual != answer:
            text += f"\nlabel: {_shorten(self.classes[actual])}"
        axes.set_title(text, fontsize=8, color=RIGHT if actual == answer else WRONG, pad=3)


def surest(places: Tensor, confidence: Tensor, count: int) -> list[int]:
    """Up to `count` of `places`, those of the highest `confidence` [n] first."""
    chosen: list[int] = places[confidence[places].argsort(descending=True, stable=True)][:count].tolist()
    return chosen


def _shorten(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"
