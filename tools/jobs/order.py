"""In what order stages are run, and which cannot be. Standard library only: bundles take it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

# What became of a stage. BLOCKED: one that it needs was not run to its end.
DONE, UP_TO_DATE, STOPPED, FAILED, BLOCKED = "done", "up to date", "stopped", "failed", "not run"

Graph = Mapping[str, Collection[str]]  # stage: those that it needs


def group(graph: Graph, together: str) -> list[list[str]]:
    """The stages in groups of one kind (`evaluate` of `evaluate@d3`), each after all that its stages need.

    The kind `together` comes in one group, with what stands between its stages: a run may start from weights
    that another run has produced.
    """
    middle = {name for name in graph if name_kind(name) == together}
    later = add_followers(middle, graph)
    chain = later & add_followers(middle, _turn(graph))
    before, after = (
        {name: needed for name, needed in graph.items() if name in names}
        for names in (graph.keys() - later, later - chain)
    )
    groups = [*_group_by_kind(before), [name for name in graph if name in chain], *_group_by_kind(after)]
    return [names for names in groups if names]


def add_followers(stages: Collection[str], graph: Graph) -> set[str]:
    """The `stages`, and all that need one of them, directly or through others."""
    found: set[str] = set()
    further = set(stages)
    while further:
        found |= further
        further = {name for name, needed in graph.items() if not found.isdisjoint(needed)} - found
    return found


def _turn(graph: Graph) -> Graph:
    """What needs each stage."""
    return {name: [other for other, needed in graph.items() if name in needed] for name in graph}


def _group_by_kind(graph: Graph) -> Iterator[list[str]]:
    left = dict(graph)
    while left:
        ready: dict[str, list[str]] = {}
        for name, needed in left.items():
            if left.keys().isdisjoint(needed):
                ready.setdefault(name_kind(name), []).append(name)
        numbers = Counter(map(name_kind, left))
        # A kind as a whole where it can be.
        whole = [names for kind, names in ready.items() if len(names) == numbers[kind]]
        names = next(iter(whole or ready.values()))
        yield names
        left = {name: needed for name, needed in left.items() if name not in names}


def name_kind(name: str) -> str:
    """The part of a stage's name before the @."""
    return name.partition("@")[0]


def find_blocking(needed: Iterable[str], states: Mapping[str, str]) -> list[str]:
    """Those of the stages `needed` that ended otherwise than well, so that what needs them cannot be run."""
    return sorted(name for name in needed if states.get(name) in (STOPPED, FAILED, BLOCKED))
