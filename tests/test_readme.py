"""README.md and docs/transfer.md: their tables are the committed comparison, and their markers are needed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lineup.comparison.gains import HEADING, NOTE
from lineup.config.files import read_files
from lineup.errors import LineupError
from lineup.files import write_text
from readme import BEGIN, END, PAGES, describe_comparison, describe_gains, list_gains, show_results

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("page.md")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_committed_pages_show_the_committed_results(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert show_results(text, PAGES[page](ROOT / "metrics"), page) == text


def test_every_table_and_text_of_the_comparison_stands_in_the_pages_once() -> None:
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    parts = (ROOT / "metrics/comparison.md").read_text(encoding="utf-8").split("\n\n")
    left_out = ("Declared, not run yet", "| Row | Model |")
    long = [part for part in parts if len(part) > 200 and not part.startswith(left_out)]
    assert len(long) > 10
    assert [part for part in long if text.count(part) != 1] == []


def test_the_example_of_parameters_is_what_params_yaml_says() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example = YAML(typ="safe").load(text.partition("```yaml\n")[2].partition("```")[0])
    params = read_files(ROOT / "params.yaml").data
    families = example["models"]
    assert families == {
        name: {key: params["models"][name][key] for key in families[name]} for name in families
    }
    assert example["runs"] == {key: params["runs"][key] for key in example["runs"]}


@pytest.mark.parametrize("describe", PAGES.values())
def test_without_a_comparison_it_is_said_how_to_get_one(
    describe: Callable[[Path], str], tmp_path: Path
) -> None:
    with pytest.raises(LineupError, match=r"comparison\.md: not there; .*; fix: run `dvc repro compare`"):
        describe(tmp_path)


def test_machines_are_those_of_the_runs_that_are_compared(tmp_path: Path) -> None:
    for run in ("here", "gone"):
        environment = {"device": "cpu", "processor": f"of {run}", "torch": "2"}
        write_text(
            tmp_path / f"training/{run}.json", json.dumps({"seeds": {"0": {"environment": environment}}})
        )
    write_text(tmp_path / "comparison.md", "| a |")
    measured = {"run": "here", "status": "measured"}
    for rows, left_out in (([measured], 0), ([measured, {"run": "soon", "status": "not run yet"}], 1)):
        write_text(tmp_path / "comparison.json", json.dumps(rows))
        text = describe_comparison(tmp_path)
        assert "of here" in text
        assert "of gone" not in text
        assert text.count("What has no result yet") == left_out


def test_without_gains_there_is_nothing_to_tell_of_them(tmp_path: Path) -> None:
    write_text(tmp_path / "comparison.md", "### Classification: x\n\n| a |")
    assert describe_gains(tmp_path) == ""


def test_gains_on_two_datasets_say_which_is_which() -> None:
    one = ["### Classification: x", "| a |", "- told", HEADING, "| gains on x |", NOTE]
    assert list_gains(one) == {"#### Classification: x": "| gains on x |"}
    two = [*one, "### Classification: y", "| b |", HEADING, "| gains on y |", NOTE]
    assert list(list_gains(two)) == ["#### Classification: x", "#### Classification: y"]


def test_only_what_is_between_the_markers_changes() -> None:
    assert show_results(f"a\n{BEGIN}old{END}\nb", "new", PAGE) == f"a\n{BEGIN}\nnew\n{END}\nb"


def test_a_missing_marker_is_refused() -> None:
    with pytest.raises(LineupError, match=r"page\.md: a marker is missing"):
        show_results(f"a\n{BEGIN}old", "new", PAGE)
