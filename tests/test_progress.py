import sys

import pytest

from lineup.sources.progress import track

CHUNKS = [bytes(100_000)] * 40


def test_a_log_gets_ten_lines_of_a_known_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(CHUNKS, "file", 0, 4_000_000)) == CHUNKS
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert (lines[0], lines[-1]) == ("file: 0.4 of 4.0 MB", "file: 4.0 of 4.0 MB")


def test_what_came_earlier_counts(capsys: pytest.CaptureFixture[str]) -> None:
    list(track(CHUNKS[:1], "file", 3_900_000, 4_000_000))
    assert capsys.readouterr().err.splitlines() == ["file: 4.0 of 4.0 MB"]


def test_an_unknown_size_gets_a_line_every_ten_megabytes(capsys: pytest.CaptureFixture[str]) -> None:
    list(track(CHUNKS * 6, "file", 0, None))
    assert capsys.readouterr().err.splitlines() == ["file: 10.0 MB", "file: 20.0 MB"]


def test_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    assert list(track(CHUNKS, "file", 0, 4_000_000)) == CHUNKS
    assert "4.0/4.0 MB" in capsys.readouterr().err
