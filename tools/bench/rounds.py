"""Turns and rounds, and the ratios within them."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice
from statistics import median
from typing import Any, Self, TypeVar

from bench.child import Child
from bench.job import Job
from bench.others import read_others
from bench.roles import PREPARE

# Ratios that are shown, and the least that each should be.
GOALS = {
    ("ours", "limit"): 0.95,
    ("ours_fp32", "limit_fp32"): 0.95,
    ("ours", "usual"): 2.5,
    ("ours_fp32", "usual"): 1.5,
}

WARM_STEPS = 5  # the first ones prepare kernels and memory
OTHERS_ALLOWED = 0.05  # of one core, beside the benchmark, in a round that counts

Role = TypeVar("Role")


@dataclass(frozen=True)
class Round:
    """Steps a second of each role, and the processor time that others took, in cores."""

    speeds: Mapping[str, float]
    others: float


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the rounds' figures."""

    median: float
    minimum: float
    maximum: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Self:
        """The spread of `figures`."""
        return cls(median(figures), min(figures), max(figures))

    def __str__(self) -> str:
        digits = ".2f" if self.median < 100 else ",.0f"
        return f"{self.median:{digits}} ({self.minimum:{digits}} to {self.maximum:{digits}})"


def measure(name: str, jobs: Sequence[Job], rounds: int, seconds: float) -> list[Round]:
    """Rounds with turns of so many seconds, until so many were quiet; at most twice as many."""
    done: list[Round] = []
    steps: dict[str, int] = {}
    for turns in islice(rotate(jobs), 2 * rounds):
        with ExitStack() as stack:
            children = [stack.enter_context(Child(job)) for job in turns]
            for child in children:
                child.measure(WARM_STEPS)
                if child.role not in steps:
                    steps[child.role] = child.choose_steps(seconds)
            done.append(measure_round(children, steps))
        note = "" if is_quiet(done[-1]) else f": others used {done[-1].others:.2f} cores"
        print(f"{name}: round {len(done)}{note}", file=sys.stderr, flush=True)
        if sum(map(is_quiet, done)) == rounds:
            break
    return done


def measure_round(turns: Sequence[Child], steps: Mapping[str, int]) -> Round:
    """One turn of each, of so many steps."""
    began, others = time.monotonic(), read_others()
    speeds = {child.role: steps[child.role] / child.measure(steps[child.role]) for child in turns}
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


def summarise(done: Sequence[Round], rounds: int, unit: str, scale: float) -> dict[str, Any]:
    """The figures of so many `rounds` of those `done`, for the file; a step counts `scale` of the unit."""
    kept = keep_quietest(done, rounds)
    roles = [role for role in PREPARE if role in kept[0].speeds]
    return {
        unit: {role: Spread.of([each.speeds[role] * scale for each in kept]) for role in roles},
        "ratios": {"/".join(pair): compare(kept, *pair) for pair in GOALS if {*pair} <= {*roles}},
        "rounds": rounds,
        "repeated_rounds": len(done) - rounds,
        "disturbed_rounds": sum(not is_quiet(each) for each in kept),
    }
