"""What the reports claim, and that no other figure passes for a claim."""

import re
from pathlib import Path
from typing import Any

import pytest
from parameters import FILE, check_data
from pipeline import ROOT, TINY
from ruamel.yaml import YAML

from lineup.comparison.table import COST
from lineup.comparison.tasks import TASKS
from lineup.config.files import Files
from lineup.config.params import check, load
from lineup.config.resolve import list_claims, resolve_comparison
from lineup.errors import LineupError
from lineup.reports.claims import METRICS, Claim

CLAIMS = list_claims(load(ROOT / FILE))

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
    assert list(CLAIMS) == ROWS


@pytest.mark.parametrize("row", HEADLINES)
def test_headlines_are_those_of_the_reports(row: str) -> None:
    first = CLAIMS[row][0]
    assert (first.metric, first.claimed) == HEADLINES[row]


def test_metrics_and_reports_are_named_consistently() -> None:
    for row, claims in CLAIMS.items():
        assert {claim.report for claim in claims} == {row[0]}
        named = [(claim.metric, claim.what) for claim in claims]
        assert len(set(named)) == len(named)


def test_texts_have_no_spare_blanks() -> None:
    texts = [text for claims in CLAIMS.values() for claim in claims for text in (claim.what, claim.split)]
    assert [text for text in texts if text != text.strip()] == []


def test_metrics_are_those_that_the_comparison_has() -> None:
    known = {key for task in TASKS.values() for key in task.metrics}
    assert set(METRICS) == {*known, *COST, "train_loss", "latency_ms"}


# --- a report of one's own ---------------------------------------------------------------------------------

CLAIM = {"metric": "test_accuracy", "claimed": 0.9, "split": "test"}


def describe(row: Any = None, **claim: Any) -> dict[str, Any]:
    """Parameters with one report, X, of one row, X1; `claim` changes its claim."""
    data: dict[str, Any] = YAML(typ="safe").load(TINY)
    data["reports"] = {
        "X": {"rows": {"X1": row or {"what": "a CNN", "claims": [CLAIM | claim], "fixes": {}}}}
    }
    return data


def test_a_claim_is_of_its_row_unless_it_says_what_it_is_of() -> None:
    assert list_claims(check_data(describe())) == {
        "X1": [Claim("X1", "X", "a CNN", "test_accuracy", 0.9, "test")]
    }
    assert list_claims(check_data(describe(what="a variant")))["X1"][0].what == "a variant"


def test_a_row_without_a_figure_claims_nothing() -> None:
    none = check_data(describe({"what": "given up", "fixes": {}}))
    assert list_claims(none) == {"X1": [Claim("X1", "X", "given up", "", None, "")]}


@pytest.mark.parametrize(
    ("claim", "place", "message"),
    [
        ({"claimed": "high"}, ".claimed", "the text 'high'; expected a number; fix: write a number without"),
        ({"claimed": float("nan")}, ".claimed", "nan; expected a finite number; fix: "),
        (
            {"metric": "test_acuracy"},
            ".metric",
            "'test_acuracy'; expected a metric that we measure, or nothing",
        ),
        ({"metric": "test_acuracy"}, ".metric", "did you mean test_accuracy"),
        ({"claimed": 93.05}, "", "expected a fraction from 0 to 1 for test_accuracy, not 93.05"),
        (
            {"metric": "macro_f1", "claimed": -0.5},
            "",
            "expected a fraction from 0 to 1 for macro_f1, not -0.5",
        ),
        ({"more": 1}, ".more", "unknown key; expected a key of the schema; fix: "),
        ({"split": None}, ".split", "null; expected a text; fix: "),
    ],
)
def test_something_else_than_a_claim_is_refused(claim: dict[str, Any], place: str, message: str) -> None:
    data = describe(**claim)
    with pytest.raises(LineupError) as caught:
        check(Files(FILE, data, {"reports.X": Path("reports/x.yaml")}))
    assert str(caught.value).startswith(f"reports/x.yaml: reports.X.rows.X1.claims[0]{place}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"what": "a CNN"}, "reports.X.rows.X1.fixes: missing; "),
        ({"fixes": {}}, "reports.X.rows.X1.what: missing; "),
        (
            {"what": "a CNN", "claims": [], "fixes": {}},
            "reports.X.rows.X1.claims: []; expected at least 1 item",
        ),
        (
            {"what": "a CNN", "claims": CLAIM, "fixes": {}},
            "reports.X.rows.X1.claims: a mapping; expected a list",
        ),
    ],
)
def test_something_else_than_a_row_is_refused(row: Any, message: str) -> None:
    with pytest.raises(LineupError, match=f"^{re.escape(f'params.yaml: {message}')}"):
        check_data(describe(row))


def test_no_report_is_no_error_and_claims_are_not_shown_where_nothing_repeats_one() -> None:
    data = describe()
    assert resolve_comparison(check_data(data)).claims == {}
    data["waiting"]["later"]["row"] = "X1"
    assert list(resolve_comparison(check_data(data)).claims) == ["X1"]
    del data["reports"], data["waiting"]["later"]["row"]
    assert resolve_comparison(check_data(data)).claims == {}


def test_a_row_stands_in_one_report() -> None:
    data = describe()
    data["reports"]["Y"] = data["reports"]["X"]
    files = Files(FILE, data, {"reports.X": Path("x.yaml"), "reports.Y": Path("y.yaml")})
    with pytest.raises(LineupError) as caught:
        check(files)
    found = "also a row of report X; expected each row once; fix: rename one"
    assert str(caught.value) == f"y.yaml: reports.Y.rows.X1: {found}"


def test_a_run_repeats_a_row_that_is_there() -> None:
    data = describe()
    data["runs"]["dense"]["row"] = "X11"
    where, expected = "params.yaml: runs.dense.row", "expected a row of a report"
    with pytest.raises(LineupError) as caught:
        check_data(data)
    assert str(caught.value) == f"{where}: unknown name 'X11'; {expected}; fix: did you mean X1?"
    del data["reports"]
    with pytest.raises(LineupError) as caught:
        check_data(data)
    assert str(caught.value) == f"{where}: X11; {expected}; fix: correct it, or leave it out"
