"""Who wins, by how much, and whether it is real: a few lines in plain words."""

from collections.abc import Mapping, Sequence

from lineup.comparison.duplicates import Shared
from lineup.comparison.metrics import (
    format_differences,
    format_metric,
    is_share,
    is_smaller_better,
    name_metric,
)
from lineup.comparison.significance import Contest
from lineup.comparison.tasks import TASKS
from lineup.statistics.pairs import ALPHA, POWER, Pair
from lineup.statistics.ranking import find_worse

NAMED = 5


def tell(contest: Contest, shared: Shared, unique: Mapping[str, float | None]) -> list[str]:
    """The first on validation against the others on test, what ranks mean, and how far test can be believed.

    shared: test images that train has too; unique: the headline of each run without them. Of a run alone
    only the last is said.
    """
    return [*_tell_contest(contest), _tell_test(contest, shared, unique)]


def _tell_contest(contest: Contest) -> list[str]:
    if not contest.pairs:
        return []
    winner, pair = next(iter(contest.ranks)), contest.pairs[0]
    its = [each for each in contest.pairs if each.first == winner]
    tied = [_tell_tie(contest, each) for each in its if not each.real]
    return [
        f"{_tell_first(contest, winner, its)} {_tell_lead(contest, pair)}",
        f"{_tell_ties(winner, tied)} {_tell_power(contest, pair)}".strip(),
        "The order is validation's, ranks are of test. A run's rank is 1 and one more for every run that is "
        "really better, and never before that of a run with a better test figure.",
        *_tell_held_out(contest),
        *_tell_single(contest),
    ]


def _tell_test(contest: Contest, shared: Shared, unique: Mapping[str, float | None]) -> str:
    first, opened = next(iter(contest.ranks)), sum(contest.seeds.values())
    models = "model" if opened == 1 else "models"
    times = (
        f"Test was opened for {opened} trained {models} of this table, whose order is validation's; those "
        "that they replaced (git log metrics/runs) and points of sweeps are not among them. "
    )
    nearly = (
        "and nearly in images so small is not asked"
        if shared.near is None
        else f"and {len(shared.near)} nearly"
    )
    held = f"Of the {contest.images:,} test images, train has {len(shared.exact)} as well, {nearly}"
    if not shared.exact and not shared.near:
        return f"{times}{held}."
    figure = unique[first]
    if figure is None:
        return f"{times}{held}: none is left without them."
    return f"{times}{held}: without them {first} has {format_metric(_key_headline(contest, 'test'), figure)}."


def _tell_first(contest: Contest, winner: str, its: Sequence[Pair]) -> str:
    """Whether the first on validation wins: not if test says that another is really better."""
    smaller = is_smaller_better(TASKS[contest.task].headline)
    better = [
        each.second for each in its if each.real and find_worse(each, smaller_is_better=smaller) == winner
    ]
    best = f"the best {_name_headline(contest, 'val')}"
    if len(contest.chosen) > 1:
        best += f", and so has {_list(contest.chosen[1:])}"
    if not better:
        if len(contest.chosen) > 1:
            return f"{winner} has {best}: its name puts it first."
        return f"{winner} wins: it has {best}."
    return f"{winner} has {best}, but on test it is really worse than {_list(better)}."


def _tell_lead(contest: Contest, pair: Pair) -> str:
    metric = _key_headline(contest, "test")
    interval = format_differences(metric, pair.low, pair.high)
    side = _place(contest, pair.difference, "equal to")
    judged = "real" if pair.real else "not proven"
    return (
        f"Its {name_metric(metric)} is {side} that of the next, {pair.second} "
        f"(95 % interval of this pair alone {interval}): {judged} (p {format_p(pair.corrected)}, corrected "
        "for all pairs)."
    )


def _tell_ties(winner: str, tied: Sequence[str]) -> str:
    if not tied:
        return f"{winner} can be told apart from every other run."
    return f"{winner} cannot be told apart from {_list(tied)}."


def _tell_tie(contest: Contest, pair: Pair) -> str:
    """Where the second of a pair stands: a large gap that is not proven would otherwise look like none."""
    alone = f", p {format_p(pair.p)} if it were the only pair" if pair.p < ALPHA else ""
    return f"{pair.second} ({_place(contest, -pair.difference, 'the same figure')}{alone})"


def _place(contest: Contest, difference: float, equal: str) -> str:
    gap = format_differences(TASKS[contest.task].headline, abs(difference), sign="")
    return f"{gap} above" if difference > 0 else f"{gap} below" if difference else equal


def _tell_power(contest: Contest, pair: Pair) -> str:
    if not pair.smallest:
        return "" if pair.difference else "The first two give the same answers."
    if is_share(TASKS[contest.task].headline) and pair.smallest > 1:
        return "Between the first two, this test finds no difference, however large: more seeds would help."
    found = format_differences(TASKS[contest.task].headline, pair.smallest, sign="")
    return (
        f"Between the first two, this test finds a difference of {found} or more {100 * POWER:.0f} % of the "
        "time."
    )


def _tell_held_out(contest: Contest) -> list[str]:
    """Whose validation figures are of how many images, where they are not all of as many."""
    counts = sorted(set(contest.held_out.values()))
    if len(counts) == 1:
        return []
    runs = {count: [run for run in contest.held_out if contest.held_out[run] == count] for count in counts}
    told = ", ".join(f"{count:,} images ({_list(names)})" for count, names in runs.items())
    return [f"Validation is of {told}: the fewer, the coarser."]


def _tell_single(contest: Contest) -> list[str]:
    single = [run for run, seeds in contest.seeds.items() if seeds == 1]
    if not single:
        return []
    return [f"What is said of one seed ({_list(single)}) is of that training, not of its recipe."]


def _name_headline(contest: Contest, split: str) -> str:
    return name_metric(_key_headline(contest, split))


def _key_headline(contest: Contest, split: str) -> str:
    return f"{split}_{TASKS[contest.task].headline}"


def _list(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    return ", ".join(runs[:NAMED]) + more


def format_p(p: float) -> str:
    """Word a probability, as in `p 0.031` and `p below 0.0001`."""
    return "below 0.0001" if p < 0.0001 else f"{p:.2g}"
