"""Which classes are taken for which, worst first."""

from collections.abc import Mapping, Sequence


def find_worst(confusion: Sequence[Mapping[str, str]], count: int) -> list[tuple[str, str, int, float]]:
    """The largest confusions: actual class, answer, how often, and as a share of the actual class."""
    totals: dict[str, int] = {}
    for row in confusion:
        totals[row["actual"]] = totals.get(row["actual"], 0) + int(row["count"])
    wrong = [row for row in confusion if row["actual"] != row["predicted"] and int(row["count"])]
    wrong.sort(key=lambda row: -int(row["count"]))
    return [
        (row["actual"], row["predicted"], int(row["count"]), int(row["count"]) / totals[row["actual"]])
        for row in wrong[:count]
    ]


def describe_worst(confusion: Sequence[Mapping[str, str]]) -> str:
    """The largest confusion in words, as in `cat as dog (12%)`; empty if there is none."""
    for actual, answer, _, share in find_worst(confusion, 1):
        return f"{actual} as {answer} ({format_share(share)})"
    return ""


def format_share(share: float) -> str:
    """A share of a class, which never looks like none: 12%, 0.4%."""
    return f"{share:.0%}" if share >= 0.01 else f"{100 * share:.1g}%"
