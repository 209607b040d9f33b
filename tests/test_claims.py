import csv
from pathlib import Path

import pytest

from lineup.claims import COLUMNS, METRICS, read_claims
from lineup.comparison.table import COST
from lineup.comparison.tasks import TASKS
from lineup.errors import LineupError

PATH = Path(__file__).parents[1] / "claims.csv"
HEADER = ",".join(COLUMNS) + "\n"

# The rows of the five reports, counted there; A5 is a grid of eight points.
ROWS = [
    *(f"A{number}" for number in (1, 2, 3, 4)),
    *(f"A5-{number}" for number in range(1, 9)),
    *(f"A{number}" for number in (6, 7, 8, 9)),
    *(f"B{number}" for number in range(1, 17)),
    *(f"C{number}" for number in range(1, 5)),
    *(f"D{number}" for number in range(1, 4)),
    *(f"E{number}" for number in range(1, 4)),
]
# Headline figures, so that an edit by mistake is seen.
HEADLINES = {
    "A1": ("test_accuracy", 0.86),
    "A2": ("test_accuracy", None),
    "A4": ("test_accuracy", 0.9305),
    "A5-1": ("test_accuracy", 0.9584),
    "A5-8": ("test_accuracy", 0.9332),
    "A8": ("test_mse", 0.000754),
    "A9": ("", None),
    "B1": ("test_accuracy", 0.5747),
    "B10": ("test_accuracy", 0.8678),
    "B13": ("test_accuracy", None),
    "B16": ("test_accuracy", 0.88),
    "C1": ("test_accuracy", 0.6599),
    "C2": ("test_accuracy", 0.6799),
    "C4": ("test_accuracy", 0.916),
    "D1": ("val_accuracy", 0.1015),
    "D2": ("test_accuracy", 0.1),
    "D3": ("test_accuracy", 0.6709),
    "E1": ("val_accuracy", 0.88),
    "E3": ("val_accuracy", 0.80),
}


def test_every_row_of_every_report_is_there_in_order() -> None:
    assert list(read_claims(PATH)) == ROWS


@pytest.mark.parametrize("row", HEADLINES)
def test_headlines_are_those_of_the_reports(row: str) -> None:
    first = read_claims(PATH)[row][0]
    assert (first.metric, first.claimed) == HEADLINES[row]


def test_metrics_and_reports_are_named_consistently() -> None:
    for row, claims in read_claims(PATH).items():
        assert {claim.report for claim in claims} == {row[0]}
        named = [(claim.metric, claim.what) for claim in claims]
        assert len(set(named)) == len(named)


def test_lines_have_no_spare_blanks() -> None:
    with PATH.open(newline="") as file:
        assert all(cell == cell.strip() for line in csv.reader(file) for cell in line)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not readable"),
        ("", "columns None"),
        ("row,claimed\n", "columns"),
        (HEADER + "D3,D,what,test_accuracy,high,test\n", "line 2: not a claim"),
        (HEADER + "D3,D,what,test_accuracy,nan,test\n", "line 2: not a claim"),
        (
            HEADER + "D3,D,what,test_acuracy,0.9,test\n",
            "line 2: metric test_acuracy.*did you mean test_accuracy",
        ),
        (HEADER + "D3,D,what,test_accuracy,93.05,test\n", "line 2: test_accuracy 93.05; expected a share"),
        (HEADER + "D3,D,what,macro_f1,-0.5,test\n", "line 2: macro_f1 -0.5; expected a share"),
        (HEADER + "D3,D,what,test_accuracy\n", "line 2: not a claim"),
        (HEADER + "D3,D,what,test_accuracy,0.5,test,more\n", "line 2: not a claim"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "claims.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LineupError, match=message):
        read_claims(path)


def test_metrics_are_those_that_the_comparison_has() -> None:
    known = {key for task in TASKS.values() for key in task.metrics}
    assert set(METRICS) == {*known, *COST, "train_loss", "latency_ms"}


def test_a_file_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "claims.csv"
    path.write_text(HEADER + "D3,D,what,test_accuracy,0.9,test\n", encoding="utf-8-sig")
    assert read_claims(path)["D3"][0].claimed == 0.9


def test_no_claims_are_no_error(tmp_path: Path) -> None:
    path = tmp_path / "claims.csv"
    path.write_text(HEADER)
    assert read_claims(path) == {}
