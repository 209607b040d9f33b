"""The review as Markdown."""

import re
from collections.abc import Mapping, Sequence

from tabulate import tabulate

from lineup.comparison.metrics import format_metric, name_metric
from lineup.comparison.verdict import format_p
from review.significance import Change, Comparison

MARK = "<!-- lineup review -->"  # by which our comment is found again
MOST_CHARACTERS = 60_000  # of GitHub's 65,536
HEAD = 2  # lines of a table before its rows
FRAME = 200  # characters around a table
HEADS = ("Run", "Figure", "Before", "After", "Difference", "95 % interval", "Seeds", "")
NOTE = (
    "The interval is of the difference, paired: of other test images and, where a side has several seeds, of "
    "other seeds. One seed says nothing of others."
)


def format_review(
    comparison: Comparison,
    diffs: Mapping[str, str],
    since: str,
    *,
    report: str = "",
    checks: str = "",
    ranking: str = "",
) -> str:
    """The whole review.

    diffs: DVC's tables by the command that prints them; since: the commit it is about; report: an address;
    checks: how the other checks ended; ranking: compare's own Markdown, left out where it would take more
    than half of the room.
    """
    parts = [
        MARK,
        f"## What changed since {since}",
        *([f"Form, types, quick start, tests and freshness: **{checks}**."] if checks else []),
        format_verdict(comparison),
        format_changes(comparison.changes),
        format_others(comparison),
    ]
    links = [f"[The report]({report})"] if report else []
    if ranking and len(ranking) < MOST_CHARACTERS / 2:
        parts.append(fold("All runs, and the reports' claims", ranking.strip()))
    length = sum(len(part) + 2 for part in (*parts, *links))
    room = (MOST_CHARACTERS - length) // max(len(diffs), 1)
    tables = [format_table(command, table, room) for command, table in diffs.items()]
    return "\n\n".join(part for part in (*parts, *tables, *links) if part) + "\n"


def format_verdict(comparison: Comparison) -> str:
    """The gate's answer in one line."""
    drops, untold = (
        ", ".join(f"`{change.run}`" for change in changes)
        for changes in (comparison.drops, comparison.untold)
    )
    said = f"**Worse beyond the interval: {drops}.**" if drops else "No run became worse beyond its interval."
    return f"{said} **Worse, and whether by chance cannot be told: {untold}.**" if untold else said


def format_changes(changes: Sequence[Change]) -> str:
    """A table of the changed figures, empty without one."""
    if not changes:
        return ""
    rows = [format_change(change) for change in changes]
    aligned = ("left", "left", "right", "right", "right", "right", "right", "left")
    table = tabulate(rows, HEADS, tablefmt="github", colalign=aligned, disable_numparse=True)
    return f"{table}\n\n{NOTE}"


def format_change(change: Change) -> tuple[str, ...]:
    """A row of that table."""
    before, after = (format_metric(change.metric, value) for value in (change.before, change.after))
    difference = format_metric(change.metric, change.difference, "+")
    seeds = " → ".join(str(count) for count in dict.fromkeys(change.seeds))
    measured = (name_metric(change.metric), before, after, difference, _span(change))
    return change.run, *measured, seeds, _judge(change)


def format_drop(change: Change) -> tuple[str, str]:
    """The run, and how much worse it became, in plain words."""
    before, after, difference, span = format_change(change)[2:6]
    known = "of this seed alone" if change.seeds == (1, 1) else "of images and seeds"
    return (
        change.run,
        f"{name_metric(change.metric)} {before} -> {after} ({difference}, interval {known} {span})",
    )


def _judge(change: Change) -> str:
    """The last column: whether it is real."""
    if change.interval is None or change.p is None:
        return "cannot be told: tested on other images, or no outcomes in git"
    if change.beyond:
        doubt = f"; among so many perhaps chance (p {format_p(change.doubt)})" if change.doubt else ""
        return f"{'**worse**' if change.worse else 'better'}, beyond it{doubt}"
    low, high = change.interval
    return "within it" if low <= 0 <= high else f"not proven (p {format_p(change.p)}): few images differ"


def _span(change: Change) -> str:
    if change.interval is None:
        return "none"
    return " to ".join(format_metric(change.metric, bound, "+") for bound in change.interval)


def format_others(comparison: Comparison) -> str:
    """Name the runs that are on one side only, and count those that stayed the same."""
    said = {
        "New": comparison.added,
        "Removed": comparison.removed,
        "Declared, without a result": comparison.unmeasured,
    }
    lines = [f"{word}: {', '.join(f'`{run}`' for run in runs)}." for word, runs in said.items() if runs]
    if comparison.unchanged:
        lines.append(f"Unchanged: {len(comparison.unchanged)}.")
    return " ".join(lines)


def format_table(command: str, table: str, room: int) -> str:
    """DVC's table, folded away; rows that would make it longer than `room` characters are left out."""
    # DVC pads cells to the widest one, which would take most of the room.
    lines, rest = re.sub(r"-{4,}", "---", re.sub(r" {2,}", " ", table)).splitlines(), 0
    if len(lines) <= HEAD:
        return f"`{command}`: no change."
    while len("\n".join(lines)) > room - FRAME and len(lines) > HEAD:
        lines.pop()
        rest += 1
    cut = f"\n\n{rest} rows more: run the command." if rest else ""
    text = "\n".join(lines)
    return fold(f"<code>{command}</code>", f"{text}{cut}")


def fold(summary: str, text: str) -> str:
    """Markdown that shows its `summary`, and all of it at a click."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
