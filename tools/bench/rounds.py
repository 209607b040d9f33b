"""Turns and rounds, and the ratios within them."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from typing import TypeVar

from bench.child import Child
from bench.job import Job
from bench.others import is_known, read_others
from bench.report import Result, Spread
from bench.roles import PREPARE
from lineup.errors import LineupError

# Ratios that are shown, and the least that each should be.
GOALS = {"ours/limit": 0.95, "ours_fp32/limit_fp32": 0.95, "ours/usual": 2.5, "ours_fp32/usual": 1.5}

WARM_STEPS = 2  # the first ones prepare kernels and memory
OTHERS_ALLOWED = 0.05  # of one core, beside the benchmark, in a round that counts

Role = TypeVar("Role")


@dataclass(frozen=True)
class Round:
    """Steps a second of each role, and the processor time that others took, in cores."""

    speeds: Mapping[str, float]
    others: float


def measure(name: str, jobs: Sequence[Job], rounds: int, seconds: float, limit: float) -> list[Round]:
    """Rounds with turns of so many seconds, until so many were quiet, but at most twice as many.

    After `limit` seconds those that are done must do. Raises LineupError if there are none.
    """
    done: list[Round] = []
    steps: dict[str, int] = {}
    deadline = time.monotonic() + limit
    try:
        for turns in islice(rotate(jobs), 2 * rounds):
            done.append(measure_round(turns, steps, seconds, deadline))
            note = "" if is_quiet(done[-1]) else f": others used {done[-1].others:.2f} cores"
            print(f"{name}: round {len(done)}{note}", file=sys.stderr, flush=True)
            if sum(map(is_quiet, done)) == rounds:
                break
    except TimeoutError as error:
        print(f"{name}: {limit:.0f} seconds are over", file=sys.stderr, flush=True)
        if not done:
            found, fix = f"no round in {limit:.0f} seconds", "stop what else computes, or lower --seconds"
            raise LineupError(f"bench: {name}", found, "at least one", fix) from error
    return done


def measure_round(turns: Sequence[Job], steps: dict[str, int], seconds: float, deadline: float) -> Round:
    """One turn of each; the first round finds out how many `steps` last so many seconds."""
    with ExitStack() as stack:
        children = [stack.enter_context(Child(job, deadline)) for job in turns]
        for child in children:
            child.measure(WARM_STEPS)
            if child.role not in steps:
                steps[child.role] = child.choose_steps(seconds)
        began, others = time.monotonic(), read_others()
        speeds = {child.role: steps[child.role] / child.measure(steps[child.role]) for child in children}
        return Round(speeds, (read_others() - others) / (time.monotonic() - began))


def rotate(roles: Sequence[Role]) -> Iterator[list[Role]]:
    """The order of each round: everyone comes first, and last, equally often."""
    for first in count():
        start = first % len(roles)
        yield [*roles[start:], *roles[:start]]


def is_quiet(each: Round) -> bool:
    """Whether a round counts without reserve."""
    return each.others <= OTHERS_ALLOWED


def keep_quietest(done: Sequence[Round], rounds: int) -> list[Round]:
    """So many rounds: those that were quiet and, if they are too few, the least disturbed."""
    return sorted(done, key=lambda each: max(each.others, OTHERS_ALLOWED))[:rounds]


def compare(rounds: Sequence[Round], role: str, other: str) -> Spread:
    """How many times as fast as `other` the `role` is, round by round."""
    return Spread.of([each.speeds[role] / each.speeds[other] for each in rounds])


def summarise(done: Sequence[Round], rounds: int, unit: str, scale: float) -> Result:
    """The figures of so many `rounds` of those `done`, or of all; a step counts `scale` of the unit."""
    kept = keep_quietest(done, rounds)
    roles = [role for role in PREPARE if role in kept[0].speeds]
    pairs = {ratio: ratio.split("/") for ratio in GOALS}
    return Result(
        unit=unit,
        speeds={role: Spread.of([each.speeds[role] * scale for each in kept]) for role in roles},
        ratios={ratio: compare(kept, *pair) for ratio, pair in pairs.items() if {*pair} <= {*roles}},
        rounds=len(kept),
        repeated_rounds=len(done) - len(kept),
        disturbed_rounds=sum(not is_quiet(each) for each in kept) if is_known() else None,
    )
