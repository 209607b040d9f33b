"""Which differences are real: every two runs of one task on the same test images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lineup.comparison.metrics import is_share, is_smaller_better
from lineup.comparison.results import Result
from lineup.comparison.task import Row
from lineup.comparison.tasks import TASKS
from lineup.settings.comparison import Entry
from lineup.statistics.answers import Floats, compare_all
from lineup.statistics.pairs import Pair, compare_pairs
from lineup.statistics.ranking import find_worse, rank

COLUMNS = (
    *("task", "dataset", "run", "other", "seeds", "other_seeds", "images"),
    *("difference", "low", "high", "p", "p_corrected", "better", "smallest_difference"),
    *("only_run_right", "only_other_right", "p_mcnemar", "p_cochran"),
)
DIGITS = 8


@dataclass(frozen=True)
class Contest:
    """Runs of one task that were tested on the same images, best on validation first.

    pairs: every two of them; ranks: of each; p_all: Cochran's Q, None where outcomes are not right or
    wrong; seeds: how many each has; images: how many were asked; held_out: how many chose, for each run;
    chosen: those that are best on validation, of which only the first of all names stands first.
    """

    task: str
    dataset: str
    pairs: Sequence[Pair]
    ranks: Mapping[str, int]
    p_all: float | None
    seeds: Mapping[str, int]
    images: int
    held_out: Mapping[str, int]
    chosen: Sequence[str]


def hold_contests(runs: Mapping[str, Entry], results: Mapping[str, Result]) -> list[Contest]:
    """Compare the measured `runs` with those of the same task and dataset, task by task.

    A dataset has one set of test images, which `read_results` has made sure of by their digests.
    """
    datasets = dict.fromkeys(entry.dataset for entry in runs.values())
    groups = {
        (task, dataset): [run for run in runs if (runs[run].task, runs[run].dataset) == (task, dataset)]
        for task in TASKS
        for dataset in datasets
    }
    return [
        _hold(
            task,
            dataset,
            sorted(names, key=lambda run: TASKS[task].order(run, results[run].metrics)),
            results,
        )
        for (task, dataset), names in groups.items()
        if names
    ]


def list_pairs(contests: Sequence[Contest]) -> list[Row]:
    """One dict a pair with the keys COLUMNS; `better` is empty where the two cannot be told apart.

    A difference is the first run's figure on test less the other's, low and high its 95 % interval.
    """
    return [_describe(pair, contest) for contest in contests for pair in contest.pairs]


def compare(
    headline: str, outcomes: Mapping[str, Floats], asked: Sequence[tuple[str, str]] | None = None
) -> list[Pair]:
    """`compare_pairs` of outcomes whose means are `headline`: none differ by more than they can."""
    pairs = compare_pairs(outcomes, asked=asked)
    return [_bound(pair) for pair in pairs] if is_share(headline) else pairs


def describe_difference(headline: str, pair: Pair) -> Row:
    """How far apart two runs are, and which is really better; empty where they cannot be told apart."""
    worse = find_worse(pair, smaller_is_better=is_smaller_better(headline))
    figures = {"difference": pair.difference, "low": pair.low, "high": pair.high}
    return {
        **{name: round(value, DIGITS) for name, value in figures.items()},
        "p": _round_p(pair.p),
        "p_corrected": _round_p(pair.corrected),
        "better": {pair.first: pair.second, pair.second: pair.first}[worse] if pair.real else "",
    }


def _hold(task: str, dataset: str, names: Sequence[str], results: Mapping[str, Result]) -> Contest:
    headline = TASKS[task].headline
    outcomes = {run: results[run].outcomes.values for run in names}
    pairs = compare(headline, outcomes) if len(names) > 1 else []
    means = {run: float(values.mean()) for run, values in outcomes.items()}
    on_validation = {run: TASKS[task].order(run, results[run].metrics)[0] for run in names}
    return Contest(
        task,
        dataset,
        pairs,
        rank(means, pairs, smaller_is_better=is_smaller_better(headline)),
        compare_all([run[0] for run in outcomes.values()]),
        {run: len(values) for run, values in outcomes.items()},
        outcomes[names[0]].shape[1],
        {run: results[run].detail["images"]["val"] for run in names},
        [run for run in names if on_validation[run] == on_validation[names[0]]],
    )


def _bound(pair: Pair) -> Pair:
    """No share exceeds another by more than 1, as the interval of few seeds would have it."""
    return replace(pair, low=max(pair.low, -1.0), high=min(pair.high, 1.0))


def _describe(pair: Pair, contest: Contest) -> Row:
    row: Row = {
        **dict.fromkeys(COLUMNS),
        **{"task": contest.task, "dataset": contest.dataset, "run": pair.first, "other": pair.second},
        "seeds": contest.seeds[pair.first],
        "other_seeds": contest.seeds[pair.second],
        "images": contest.images,
        **describe_difference(TASKS[contest.task].headline, pair),
        "smallest_difference": round(pair.smallest, DIGITS),
    }
    if pair.split:
        row |= {"only_run_right": pair.split.only_first, "only_other_right": pair.split.only_second}
        row["p_mcnemar"] = _round_p(pair.split.p)
    if contest.p_all is not None:
        row["p_cochran"] = _round_p(contest.p_all)
    return row


def _round_p(p: float) -> str:
    return f"{p:.3g}"
