"""What changed since a revision: `make review SINCE=main`, or `python -m review.run --help`.

In: parameters, metrics and dvc.yaml as they stand here and at the last commit in common with the revision.
Out: Markdown on stdout (at a terminal without what is folded away), with --page in front of the report, and
with --post as a comment on a pull request. A figure that became worse beyond its interval ends it with exit
status 1 and one line each, after all is printed, written and posted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ask_git import ask_git
from lineup.console import stage
from lineup.errors import LineupError
from lineup.files import write_text
from review.comment import PullRequest
from review.page import insert_review
from review.revisions import diff, find_base, read_at, read_here, read_runs
from review.significance import Change, compare
from review.text import MARK, format_drop, format_review

KINDS = ("metrics", "params")
COMPARISON = Path("metrics/comparison.md")
# What GitHub's runners say of themselves; the token is handed over by the workflow.
ADDRESS, REPOSITORY, TOKEN = "GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN"


class DropError(LineupError):
    """Every figure that became worse beyond its interval, one a line."""

    def __init__(self, drops: Sequence[Change]) -> None:
        fix = "find the cause, or say in the pull request why it is right and merge past this check"
        lines = [LineupError(*format_drop(drop), "no drop beyond its interval", fix) for drop in drops]
        Exception.__init__(self, "\n".join(str(line) for line in lines))


def main(*words: str) -> None:
    """Print the review, post it where asked to, and refuse a drop."""
    asked = _parse(words)
    pull_request = find_pull_request(asked.post) if asked.post else None
    base = find_base(asked.since)
    before = read_runs(read_at(base), f"SINCE={asked.since}")
    comparison = compare(before, read_runs(read_here, "the working tree"))
    diffs = {f"dvc {kind} diff {base[:12]}": diff(kind, base[:12]) for kind in KINDS}
    since = f"`{base[:12]}` ({ask_git('log', '-1', '--format=%cs', base).strip()})"
    review = partial(format_review, comparison, diffs, since, report=asked.report, checks=asked.checks)
    text = review(ranking=COMPARISON.read_text(encoding="utf-8") if COMPARISON.exists() else "")
    print(shorten(text, asked.page) if sys.stdout.isatty() else text, end="", flush=True)
    if asked.page:
        write_text(asked.page, insert_review(review()))  # the page has the ranking anyway
    if pull_request:
        pull_request.comment(MARK, text)
    if comparison.drops:
        raise DropError(comparison.drops)


def shorten(text: str, page: Path | None) -> str:
    """`text` for a terminal, which folds nothing away: up to the first such table, and where the rest is."""
    shown, folded, _ = text.removeprefix(MARK).partition("<details>")
    rest = f"in {page}, for a browser" if page else "add PAGE=review.html to this command, for a browser"
    return shown.strip() + "\n" + (f"\nThe rest (DVC's tables, the ranking): {rest}\n" if folded else "")


def find_pull_request(number: int) -> PullRequest:
    """The pull request to post to. Raises LineupError if the environment does not say where."""
    found = {name: os.environ.get(name, "") for name in (ADDRESS, REPOSITORY, TOKEN)}
    for name, value in found.items():
        if not value:
            raise LineupError(name, "not set", "what GitHub Actions sets", "leave --post out, or set it")
    return PullRequest(found[ADDRESS], found[REPOSITORY], number, found[TOKEN])


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make review", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--since", required=True, help="a branch, tag or commit")
    parser.add_argument("--page", type=Path, help="where to write the report with the review in front")
    parser.add_argument("--report", default="", help="the report's address, to link to")
    parser.add_argument("--checks", default="", help="how the other checks ended, to be named")
    parser.add_argument("--post", type=int, default=0, help="the number of a pull request to comment on")
    return parser.parse_args(words)


if __name__ == "__main__":
    stage(main)
