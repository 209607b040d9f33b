"""The report with a section on what changed, for a browser."""

import re
from pathlib import Path

from markdown_it import MarkdownIt

from lineup.errors import LineupError

REPORT = Path("plots/report.html")
# The section stands first, and the list of sections names it.
NAVIGATION = re.compile(r"<nav>(.*?)</nav>", re.DOTALL)


def insert_review(review: str) -> str:
    """The report as it stands, with `review` (Markdown, of `format_review`) before all else.

    Raises LineupError if there is no report.
    """
    if not REPORT.exists():
        raise LineupError(str(REPORT), "missing", "the report", "run `dvc repro compare`")
    # GitHub shows HTML in Markdown, and so does this: the review folds DVC's tables away.
    section = MarkdownIt("commonmark", {"html": True}).enable("table").render(review)
    section = section.replace("<h2>", '<h2 id="changes">', 1)
    section = section.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    page, places = NAVIGATION.subn(
        lambda found: f'<nav><a href="#changes">What changed</a>{found[1]}</nav>\n{section}',
        REPORT.read_text(encoding="utf-8"),
        count=1,
    )
    if not places:
        raise LineupError(str(REPORT), "no list of sections", "the report", "run `dvc repro compare`")
    return page
