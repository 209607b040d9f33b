"""Pictures of what commands print: they show it as it is, and load nothing."""

import sys

import pytest

from lineup.errors import LineupError
from screens import draw, main, run

COLORED = "\033[1mval\033[0m 0.9414\n" + "x" * 90


def test_picture_shows_command_and_output_in_full() -> None:
    picture = draw("dvc metrics show", COLORED)
    for text in ("dvc&#160;metrics&#160;show", "0.9414", "x" * 90):
        assert text in picture, text
    assert "\033" not in picture


def test_picture_loads_nothing() -> None:
    picture = draw("dvc metrics show", COLORED)
    assert "url(http" not in picture
    assert "font-face" not in picture


def test_command_sees_the_width_and_may_use_colors() -> None:
    code = "import os; print(os.environ['COLUMNS'], os.environ['FORCE_COLOR'])"
    assert run(f'{sys.executable} -c "{code}"') == "144 1\n"


def test_failing_command_is_named() -> None:
    with pytest.raises(LineupError, match=r"false.*expected exit code 0"):
        run("false")


def test_unknown_screen_is_refused_before_any_is_drawn() -> None:
    with pytest.raises(LineupError, match="expected one of experiments, metrics; fix: did you mean metrics"):
        main("experiments", "metric")
