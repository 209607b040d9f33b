"""Which points a search tries next, from what those before them gave, by a sampler of Optuna.

It is the tree-structured Parzen estimator (Bergstra et al. 2011). What has been found is in DVC's experiments
and the committed table, so nothing is kept here: the same results lead to the same points, in any clone, and
a search that was ended goes on where it was.
"""

from collections.abc import Sequence

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, create_trial
from pydantic import JsonValue

from sweep.schema import Range, Search

# Chosen at a time, whatever JOBS is: what is tried must not depend on it.
ROUND = 4
DIGITS = 3  # of a number that is chosen, so that it can be read

Values = dict[str, JsonValue]


def propose(search: Search, told: Sequence[tuple[Values, float]]) -> list[Values]:
    """The next points of `search`, at most ROUND; none when it has all.

    told: the values of all points before them, and what each gave on validation.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=len(told), constant_liar=True)
    study = optuna.create_study(direction="maximize" if search.sign > 0 else "minimize", sampler=sampler)
    space = {key: _describe(values) for key, values in search.space.items()}
    for values, figure in told:
        study.add_trial(_recall(search, space, values, figure))
    count = min(ROUND, search.points - len(told))
    return [_read(search, study.ask(space).params) for _ in range(count)]


def _describe(values: Range | list[JsonValue]) -> BaseDistribution:
    """One of `values`, by its place among them: Optuna takes no lists."""
    if not isinstance(values, Range):
        return CategoricalDistribution(list(range(len(values))))
    if isinstance(values.low, int) and isinstance(values.high, int):
        return IntDistribution(values.low, values.high, log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def _recall(search: Search, space: dict[str, BaseDistribution], values: Values, figure: float) -> FrozenTrial:
    known = {
        key: values[key] if isinstance(inside := search.space[key], Range) else inside.index(values[key])
        for key in space
    }
    return create_trial(params=known, distributions=space, value=figure)


def _read(search: Search, chosen: dict[str, float]) -> Values:
    return {
        key: _round(value, inside) if isinstance(inside := search.space[key], Range) else inside[int(value)]
        for key, value in chosen.items()
    }


def _round(value: float, inside: Range) -> float:
    if isinstance(value, int):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), inside.low), inside.high)
