"""Whether a run's figure on test changed by more than chance, from what git keeps of both revisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from statsmodels.stats.multitest import multipletests

from lineup.comparison.metrics import is_smaller_better
from lineup.comparison.tasks import TASKS
from lineup.statistics.pairs import ALPHA, Pair, compare_pairs
from review.revisions import Measured

METRICS = tuple(f"test_{task.headline}" for task in TASKS.values())

Interval = tuple[float, float]


@dataclass(frozen=True)
class Change:
    """A figure of a run, before and after.

    interval: 95 %, of the difference, and p: how often chance alone makes it; corrected: p by Holm's method
    over all changes of the review. None where none can be told.
    """

    run: str
    metric: str
    before: float
    after: float
    interval: Interval | None
    p: float | None
    seeds: tuple[int, int]
    corrected: float | None = None

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
        """Whether the interval leaves out zero, and so does the exact test, where few images differ."""
        if self.interval is None or self.p is None:
            return False
        return not self.interval[0] <= 0 <= self.interval[1] and self.p < ALPHA

    @property
    def doubt(self) -> float | None:
        """The corrected p of a figure beyond its interval, where the number of changes may explain it."""
        return self.corrected if self.beyond and self.corrected and self.corrected >= ALPHA else None


@dataclass
class Comparison:
    """All runs of two revisions: changed figures, and names of the other runs."""

    changes: list[Change] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unmeasured: list[str] = field(default_factory=list)

    @property
    def untold(self) -> list[Change]:
        """What became worse, but nothing tells whether by chance."""
        return [change for change in self.changes if change.worse and change.interval is None]

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
            others = [measured for name, measured in before.items() if measured and name != run]
            found.changes.append(judge(run, old, new, others))
    found.changes = correct(found.changes)
    return found


def correct(changes: Sequence[Change]) -> list[Change]:
    """The same changes with p corrected for their number (Holm 1979): of many, chance alone makes some."""
    known = [change.p for change in changes if change.p is not None]
    corrected = iter(multipletests(known, method="holm")[1].tolist() if known else [])
    return [change if change.p is None else replace(change, corrected=next(corrected)) for change in changes]


def name_metric(measured: Measured) -> str:
    """The figure on test by which the run's task is judged."""
    return next(metric for metric in METRICS if metric in measured.figures)


def judge(run: str, old: Measured, new: Measured, others: Sequence[Measured] = ()) -> Change:
    """The change of a run's figure, with the interval and the test by which the comparison judges two runs.

    They are paired, over test images and seeds; None where the two were not tested on the same images, or
    one of them has no outcomes. others: runs that help to say how far seeds differ.
    """
    metric, pair = name_metric(new), _compare(old, new, others)
    seeds = len(old.seeds), len(new.seeds)
    interval, p = ((pair.low, pair.high), pair.p) if pair else (None, None)
    return Change(run, metric, old.figures[metric], new.figures[metric], interval, p, seeds)


def _compare(old: Measured, new: Measured, others: Sequence[Measured]) -> Pair | None:
    if old.outcomes is None or new.outcomes is None or old.outcomes.ids != new.outcomes.ids:
        return None
    alike = [
        other.outcomes.values
        for other in others
        if other.outcomes
        and other.outcomes.ids == new.outcomes.ids
        and name_metric(other) == name_metric(new)
    ]
    (pair,) = compare_pairs({"after": new.outcomes.values, "before": old.outcomes.values}, alike)
    return pair
