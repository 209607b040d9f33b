"""In what order stages are run, and which cannot be. Standard library only: bundles take it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

# What became of a stage. BLOCKED: one that it needs was not run to its end.
DONE, UP_TO_DATE, STOPPED, FAILED, BLOCKED = "done", "up to date", "stopped", "failed", "not run"

Graph = Mapping[str, Collection[str]]  # stage: those that it needs


def group(graph: Graph) -> Iterator[tuple[str, list[str]]]:
    """The stages in groups of one kind (`train` of `train@d3`), each after all that its stages need.

    A kind comes as a whole where it can. It cannot where its stages need each other through other kinds: a
    run may start from weights that another run has produced.
    """
    left = dict(graph)
    while left:
        ready: dict[str, list[str]] = {}
        for name, needed in left.items():
            if left.keys().isdisjoint(needed):
                ready.setdefault(name_kind(name), []).append(name)
        numbers = Counter(map(name_kind, left))
        whole = [kind for kind, names in ready.items() if len(names) == numbers[kind]]
        kind = next(iter(whole or ready))
        yield kind, ready[kind]
        left = {name: needed for name, needed in left.items() if name not in ready[kind]}


def name_kind(name: str) -> str:
    """The part of a stage's name before the @."""
    return name.partition("@")[0]


def is_blocked(needed: Iterable[str], states: Mapping[str, str]) -> bool:
    """Whether a stage cannot be run because one that it needs ended otherwise than well."""
    return any(states.get(name) in (STOPPED, FAILED, BLOCKED) for name in needed)
