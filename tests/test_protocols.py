"""What reports fix of their rows, where a run departs from it, and the reports' figures beside ours."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from made_up import compare, make_project, read_csv
from parameters import FILE, check_data
from pipeline import ROOT, TINY
from ruamel.yaml import YAML

from lineup.comparison.reproductions import COLUMNS
from lineup.config import schema
from lineup.config.files import Files, read_files
from lineup.config.params import check, load
from lineup.config.resolve import list_claims, resolve_comparison, resolve_rows
from lineup.errors import LineupError
from lineup.reports.protocols import MET, NOTHING_FIXED, Protocol, find_departures, judge_protocol

PARAMS = load(ROOT / FILE)
CLAIMS = list_claims(PARAMS)
PROTOCOLS = resolve_rows(PARAMS)


# --- what our files say that the reports fix ---------------------------------------------------------------


def test_every_row_of_the_reports_has_a_protocol() -> None:
    assert list(PROTOCOLS) == list(CLAIMS)
    assert [row for row in PROTOCOLS if not PROTOCOLS[row]] == ["A9"]


def test_every_path_is_one_that_params_can_have() -> None:
    entries: dict[str, type[schema.Entry]] = {
        "view": schema.View,
        "weights": schema.NoWeights,
        "augment": schema.Augment,
    }
    known = {f"{part}.{key}" for part, entry in entries.items() for key in entry.model_fields}
    known |= {f"recipe.{key}" for key in schema.Recipe.model_fields} | {"tta", "model.family"}
    models = schema.Models.__annotations__.values()
    known |= {f"model.{key}" for spec in models for key in get_args(spec)[1].model_fields}
    known |= {f"recipe.phases.{number}.{key}" for number in (0, 1) for key in schema.Phase.__annotations__}
    schedules = (schema.Constant, schema.Cosine, schema.OneCycle, schema.Plateau)
    known |= {f"recipe.schedule.{key}" for entry in schedules for key in entry.model_fields}
    known |= {"augment.shift.0", "augment.shift.1"}  # horizontal, vertical
    assert {path for protocol in PROTOCOLS.values() for path in protocol} <= known


def test_a_step_of_the_ladder_changes_what_the_report_says() -> None:
    protocols = PROTOCOLS
    changes = {
        row: {path for path in {**one, **other} if one.get(path) != other.get(path)}
        for row, one, other in (
            (f"B{number}", protocols[f"B{number - 1}"], protocols[f"B{number}"]) for number in range(2, 12)
        )
    }
    assert changes["B2"] == {"model.batch_norm", "model.dropout"}
    assert changes["B3"] == changes["B4"] == changes["B7"] == {"model.layers"}
    assert changes["B5"] == {"recipe.optimizer", "recipe.momentum", "recipe.lr"}
    assert changes["B6"] == {"recipe.patience"}
    assert changes["B8"] == {"recipe.batch_size"}
    assert changes["B9"] == {"augment.rotate", "augment.shift", "augment.shift.1"}
    assert changes["B10"] == {"recipe.lr", "model.layers"}
    assert changes["B11"] == {"model.dropout"}


# --- departures --------------------------------------------------------------------------------------------

SETTINGS = {
    "view": {"size": 32},
    "model": {"layers": ["conv 32", "dropout", "gap", "dense 100"], "widths": [8]},
    "recipe": {"lr": 0.01, "phases": [{"name": "head", "epochs": 15}], "schedule": {"name": "cosine"}},
    "tta": "none",
}


@pytest.mark.parametrize(
    "protocol",
    [
        {"view.size": 32, "tta": "none"},
        {"recipe.lr": {"above": 0.001}, "recipe.phases.0.epochs": 15},
        {"recipe.schedule.name": {"one_of": ["cosine", "plateau"]}, "tta": {"none_of": ["flip"]}},
        {"model.layers": {"in_order": ["conv 32", "gap", "dense 100"]}},
    ],
)
def test_a_protocol_is_met(protocol: dict[str, Any]) -> None:
    assert find_departures(protocol, SETTINGS) == []
    assert judge_protocol(protocol, SETTINGS) == MET


@pytest.mark.parametrize(
    ("path", "expected", "departure"),
    [
        ("recipe.lr", 0.001, "recipe.lr 0.01, the report has 0.001"),
        ("recipe.lr", {"above": 0.01}, "recipe.lr 0.01, the report has more than 0.01"),
        ("view.size", {"one_of": [96, 224]}, "view.size 32, the report has 96 or 224"),
        ("tta", {"none_of": ["none"]}, "tta none, the report has not none"),
        ("recipe.phases", [], "recipe.phases [head], the report has []"),
        ("recipe.phases.1.epochs", 10, "recipe.phases.1.epochs not there, the report has 10"),
        ("tta", {"above": 0}, "tta none, the report has more than 0"),
        ("model.widths", {"in_order": ["conv 8"]}, "model.widths [], the report has [conv 8]"),
        ("model.arch", "resnet18", "model.arch not there, the report has resnet18"),
        ("view", "rgb_10", "view {'size': 32}, the report has rgb_10"),
        (
            "model.layers",
            {"in_order": ["conv 32", "flatten", "dense 100"]},
            "model.layers [conv 32, dense 100], the report has [conv 32, flatten, dense 100]",
        ),
    ],
)
def test_a_departure_names_both_values(path: str, expected: Any, departure: str) -> None:
    assert find_departures({path: expected, "view.size": 32} | {path: expected}, SETTINGS) == [departure]


def test_departures_stand_one_after_another_and_no_protocol_is_not_met() -> None:
    text = judge_protocol({"tta": "flip", "view.size": 96}, SETTINGS)
    assert text == "tta none, the report has flip; view.size 32, the report has 96"
    assert judge_protocol({}, SETTINGS) == NOTHING_FIXED


# --- what is written for a row -----------------------------------------------------------------------------


def describe(protocols: Mapping[str, Any], **rows: Any) -> dict[str, Any]:
    """Parameters with one report, X, that fixes this of its rows."""
    data: dict[str, Any] = YAML(typ="safe").load(TINY)
    entries = {row: {"what": "a CNN", "fixes": fixes} for row, fixes in rows.items()}
    return data | {"protocols": protocols, "reports": {"X": {"rows": entries}}}


def read(protocols: Mapping[str, Any], **rows: Any) -> dict[str, Protocol]:
    return resolve_rows(check_data(describe(protocols, **rows)))


def test_entries_hold_what_they_are_like_and_their_own_value_goes_first() -> None:
    shared = {"a": {"tta": "none", "view.size": 32}, "b": {"like": ["a"], "view.size": 96}}
    one = {"like": ["b"], "recipe.lr": 0.1}
    assert read(shared, X1=one, X2={"like": ["X1", "a"], "recipe.lr": 0.2}) == {
        "X1": {"tta": "none", "view.size": 96, "recipe.lr": 0.1},
        "X2": {"tta": "none", "view.size": 32, "recipe.lr": 0.2},
    }


def test_a_row_may_fix_nothing() -> None:
    assert read({}, X1={}, X2={"like": ["X1"], "tta": "none"}) == {"X1": {}, "X2": {"tta": "none"}}


@pytest.mark.parametrize(
    ("fixes", "place", "message"),
    [
        ([], ".fixes", "[]; expected a mapping; fix: "),
        (None, ".fixes", "null; expected a mapping; fix: "),
        ({"like": "a"}, ".fixes", "expected a list of entries after like; fix: "),
        ({"like": ["gone"]}, ".fixes.like", "gone; expected another entry that does not refer back; fix: "),
        ({"like": ["X1"]}, ".fixes.like", "X1; expected another entry that does not refer back; fix: "),
        ({"recipe.lr": {"over": 1}}, ".fixes", "expected recipe.lr: above with a number, or one_of, none_of"),
        ({"recipe.lr": {"above": 1, "one_of": []}}, ".fixes", "expected recipe.lr: above with a number"),
        ({"recipe.lr": {"above": "a"}}, ".fixes", "expected recipe.lr: above with a number"),
        ({"recipe.lr": {"one_of": 0.01}}, ".fixes", "expected recipe.lr: above with a number"),
        ({"recipe.lr": {"none_of": []}}, ".fixes", "expected recipe.lr: above with a number"),
        ({"model.widths": {"in_order": [64, 32]}}, ".fixes", "expected model.widths: above with a number"),
        ({8: "none"}, ".fixes", "8; expected a text; fix: "),
    ],
)
def test_something_else_is_refused(fixes: Any, place: str, message: str) -> None:
    files = Files(FILE, describe({}, X1=fixes), {"reports.X": Path("reports/x.yaml")})
    with pytest.raises(LineupError) as caught:
        check(files)
    assert str(caught.value).startswith(f"reports/x.yaml: reports.X.rows.X1{place}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("protocols", "message"),
    [
        ([], "protocols: []; expected a mapping"),
        ({"a": 1}, "protocols.a: 1; expected a mapping"),
        ({"a": {"like": ["b"]}}, "protocols.a.like: b; expected another entry"),
        ({"a": {"like": ["X1"]}}, "protocols.a.like: X1; expected another entry that does not refer back"),
        (
            {"a": {"recipe.lr": {"over": 1}}},
            "protocols.a: a mapping; expected recipe.lr: above with a",
        ),
    ],
)
def test_something_else_is_refused_in_what_rows_share(protocols: Any, message: str) -> None:
    files = Files(FILE, describe(protocols, X1={"like": ["a"]}), {"protocols.a": Path("common.yaml")})
    with pytest.raises(LineupError) as caught:
        check(files)
    where = "common.yaml" if message.startswith("protocols.a") else "params.yaml"
    assert str(caught.value).startswith(f"{where}: {message}")
    assert "\n" not in str(caught.value)


# --- claims beside measurements ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def claimed(compared: Path) -> list[dict[str, str]]:
    return read_csv(compared / "metrics/reproductions.csv")


def test_every_figure_of_every_row_is_listed(claimed: list[dict[str, str]]) -> None:
    assert tuple(claimed[0]) == COLUMNS
    assert list(dict.fromkeys(line["row"] for line in claimed)) == list(CLAIMS)
    figures = [(claim.row, claim.metric, claim.what) for claims in CLAIMS.values() for claim in claims]
    assert list(dict.fromkeys((line["row"], line["metric"], line["what"]) for line in claimed)) == figures


def test_rows_without_a_result_say_so(claimed: list[dict[str, str]]) -> None:
    states = {(line["row"], line["run"]): line["status"] for line in claimed}
    assert states["A1", ""] == states["A9", "swin"] == states["B12", "vgg16"] == "not run yet"
    assert states["A8", "cae_wide"] == states["D3", "d3"] == "measured"
    assert not any(line["measured"] or line["better"] for line in claimed if line["status"] == "not run yet")


def test_differences_say_which_way_is_better(claimed: list[dict[str, str]]) -> None:
    found = {(line["run"], line["metric"]): (line["difference"], line["better"]) for line in claimed}
    assert found["b1", "test_accuracy"] == ("0.0313", "True")
    assert found["b1", "test_loss"] == ("-0.2666", "True")
    assert found["cae", "test_mse"] == ("0.00011", "False")
    assert found["d3", "parameters"] == ("0.0", "")
    assert found["cae_wide", "test_mse"] == ("-4.4e-05", "True")


def test_the_run_at_the_protocol_stands_before_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path)
    data = read_files(tmp_path / FILE).data
    # Row D3 as the made-up runs have it, and one of two runs off it.
    data["reports"]["D"]["rows"]["D3"]["fixes"] = {"recipe.epochs": 1, "recipe.batch_size": 128}
    data["recipes"]["other"] = data["recipes"]["short"] | {"epochs": 2}
    data["runs"]["d3_fp32"]["recipe"] = "other"
    (tmp_path / "dvc.yaml").unlink(missing_ok=True)
    (tmp_path / FILE).write_text(json.dumps(data))
    compare(tmp_path, monkeypatch)
    lines = [line for line in read_csv(tmp_path / "metrics/reproductions.csv") if line["row"] == "D3"]
    found = dict.fromkeys((line["run"], line["protocol"]) for line in lines)
    assert list(found) == [("d3", "met"), ("d3_fp32", "recipe.epochs 2, the report has 1")]


def test_a_declared_row_has_a_run_at_its_protocol() -> None:
    declared = resolve_comparison(PARAMS)
    entries = [entry for entry in [*declared.runs.values(), *declared.waiting.values()] if entry.row]
    verdicts: dict[str, list[str]] = {}
    for entry in entries:
        verdicts.setdefault(entry.row, []).append(judge_protocol(PROTOCOLS[entry.row], entry.settings))
    # Transfer starts from CIFAR-100 until the source, one parameter, is changed to what the reports had; its
    # images are normalised as the weights ask for, where report B has [0, 1].
    source = "weights.source run, the report has timm"
    meant = {MET, NOTHING_FIXED, source}
    meant |= {f"{source}; view.normalize {name}, the report has unit" for name in ("imagenet", "symmetric")}
    assert [found for found in verdicts.values() if not meant & set(found)] == []


def test_a_run_that_goes_on_from_another_is_judged_as_one_training() -> None:
    data = read_files(ROOT / FILE).data
    # Report A's head and what follows it, in two runs; a5_96 has both in one.
    head, tune = ({**data["waiting"], **data["runs"]}[run] for run in ("a5_96_head", "a5_96_1"))
    data["weights"]["handed"] = {"source": "run", "needs": "models/begun", "seed": 0}
    data["runs"] |= {
        "begun": head | {"weights": data["runs"]["a5_96"]["weights"]},
        "ended": tune | {"weights": "handed"},
        "turned": tune | {"weights": "handed", "augment": "turned"},
    }
    declared = resolve_comparison(check_data(data)).runs
    ended, turned, whole = (declared[run] for run in ("ended", "turned", "a5_96"))
    protocol = PROTOCOLS["A5-1"]
    assert find_departures(protocol, ended.settings) == find_departures(protocol, whole.settings)
    assert [phase["epochs"] for phase in ended.settings["recipe"]["phases"]] == [15, 10]
    # Other images make it another training, from another's weights.
    assert [phase["epochs"] for phase in turned.settings["recipe"]["phases"]] == [10]
    assert (ended.origin, turned.origin) == ("cifar100", "cifar10")
