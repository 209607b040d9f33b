"""README.md: its table is the committed comparison, and its markers are needed."""

from pathlib import Path

import pytest

from lineup.errors import LineupError
from readme import BEGIN, END, describe_results, insert

ROOT = Path(__file__).resolve().parents[1]


def test_the_committed_readme_shows_the_committed_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert insert(text, describe_results(ROOT / "metrics")) == text


def test_only_what_is_between_the_markers_changes() -> None:
    assert insert(f"a\n{BEGIN}old{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"


def test_a_missing_marker_is_refused() -> None:
    with pytest.raises(LineupError, match="a marker is missing"):
        insert(f"a\n{BEGIN}old", "new")
