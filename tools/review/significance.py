"""Whether a run's figure on test changed by more than chance, from what git keeps of both revisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import ttest_ind
from statsmodels.stats.proportion import confint_proportions_2indep

from lineup.comparison.figures import is_smaller_better
from lineup.comparison.tasks import TASKS
from review.revisions import Measured

METRICS = tuple(f"test_{task.headline}" for task in TASKS.values())
SHARES = ("test_accuracy",)  # of images

Interval = tuple[float, float]


@dataclass(frozen=True)
class Change:
    """A figure of a run, before and after; interval: 95 %, of the difference, None where none can be told."""

    run: str
    metric: str
    before: float
    after: float
    interval: Interval | None
    seeds: tuple[int, int]

    @property
    def difference(self) -> float:
        """After minus before."""
        return self.after - self.before

    @property
    def worse(self) -> bool:
        """Whether the figure moved the wrong way."""
        return (self.difference > 0) == is_smaller_better(self.metric)

    @property
    def beyond(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


@dataclass
class Comparison:
    """All runs of two revisions: changed figures, and names of the other runs."""

    changes: list[Change] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)

    @property
    def drops(self) -> list[Change]:
        """What became worse beyond its interval."""
        return [change for change in self.changes if change.worse and change.beyond]


def compare(before: Mapping[str, Measured | None], after: Mapping[str, Measured | None]) -> Comparison:
    """Set the runs of two revisions side by side; one that had no result before counts as added."""
    found = Comparison(removed=[run for run in before if run not in after])
    for run, new in after.items():
        old = before.get(run)
        if new is None:
            found.unmeasured.append(run)
        elif old is None or name_metric(old) != name_metric(new):
            found.added.append(run)
        elif old.figures[name_metric(old)] == new.figures[name_metric(new)]:
            found.unchanged.append(run)
        else:
            found.changes.append(judge(run, old, new))
    return found


def name_metric(measured: Measured) -> str:
    """The figure on test by which the run's task is judged."""
    return next(metric for metric in METRICS if metric in measured.figures)


def judge(run: str, old: Measured, new: Measured) -> Change:
    """The change of a run's figure, with an interval that covers both images and seeds where both are known.

    A share of images has Newcombe's interval of the images; runs with several seeds in both revisions have
    Welch's of the seeds. With both, the interval reaches as far as either: a change is real only if it is
    beyond the luck of the images and that of the seeds.
    """
    metric = name_metric(new)
    intervals = [
        *([images_interval(metric, old, new)] if metric in SHARES else []),
        *([seeds_interval(metric, old, new)] if min(len(old.seeds), len(new.seeds)) > 1 else []),
    ]
    lows, highs = [low for low, _ in intervals], [high for _, high in intervals]
    interval = (min(lows), max(highs)) if intervals else None
    seeds = len(old.seeds), len(new.seeds)
    return Change(run, metric, old.figures[metric], new.figures[metric], interval, seeds)


def images_interval(metric: str, old: Measured, new: Measured) -> Interval:
    """95 % interval of the difference of two shares of images (Newcombe 1998, by statsmodels).

    A mean over seeds is taken as that many right answers of one model. The images are taken as two samples:
    on the same images the true interval is narrower, but git does not keep each image's answer.
    """
    shares = [(round(one.figures[metric] * one.images), one.images) for one in (new, old)]
    low, high = confint_proportions_2indep(*shares[0], *shares[1], method="newcomb", compare="diff")
    return float(low), float(high)


def seeds_interval(metric: str, old: Measured, new: Measured) -> Interval:
    """95 % interval of the difference of two means over seeds of unequal variance (Welch 1947, by scipy)."""
    before, after = (np.array(_list_seeds(metric, one)) for one in (old, new))
    if not (np.ptp(before) or np.ptp(after)):  # no spread: the test would divide by zero
        difference = float(after.mean() - before.mean())
        return difference, difference
    interval = ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    return float(interval.low), float(interval.high)


def _list_seeds(metric: str, measured: Measured) -> Sequence[float]:
    return [figures[metric] for figures in measured.seeds.values()]
