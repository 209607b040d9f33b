"""What docs/adding.md says, done in a copy of the pipeline, and the links of all pages."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from made_up import read_csv
from parameters import check_data
from pipeline import ROOT, Pipeline
from ruamel.yaml import YAML

from lineup.config.params import load
from lineup.config.resolve import resolve_run

PAGES = sorted((ROOT / "docs").glob("*.md"))
RUNS = {"wide", "templates", "negative", "faded", "x1"}


@dataclass(frozen=True)
class Step:
    """Something the page asks for: a new file, changed lines, entries, or a word for a list."""

    section: str
    path: str
    kind: str
    text: str
    name: str = ""


def read_steps() -> Iterator[Step]:
    page = (ROOT / "docs/adding.md").read_text()
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        for word, name, path in re.findall(r'Add `"(\w+)"` to the list `([\w.]+)` of\s`(\S+)`', section):
            yield Step(title, path, "word", word, name)
        for path, kind, text in re.findall(r"`(\S+)`:\n\n```(\w+)\n(.*?)```", section, flags=re.DOTALL):
            yield Step(title, path, kind, text)


STEPS = list(read_steps())


def apply(step: Step, pipeline: Pipeline) -> None:
    match step.kind:
        case "python":
            assert not pipeline.path(step.path).exists()
            pipeline.path(step.path).write_text(step.text)
        case "diff":
            for hunk in step.text.strip("\n").split("\n\n"):
                lines = hunk.splitlines()
                old = "".join(f"\n{line[1:]}" for line in lines if not line.startswith("+"))
                new = "".join(f"\n{line[1:]}" for line in lines if not line.startswith("-"))
                pipeline.edit(step.path, f"{old}\n", f"{new}\n")
        case "word":
            # `Dataset.source`: the first list `source` after the words `class Dataset`.
            *within, name = step.name.split(".")
            text = pipeline.path(step.path).read_text()
            start = text.index(f"class {within[0]}(") if within else 0
            found = re.compile(rf"^\s*{name}(?: =|:) Literal\[.*(?=\]$)", re.MULTILINE).search(text, start)
            assert found
            pipeline.path(step.path).write_text(f'{text[: found.end()]}, "{step.text}"{text[found.end() :]}')
        case "yaml":
            assert step.path == "quickstart/params.yaml"
            params = YAML(typ="safe").load(pipeline.path("params.yaml"))
            merge(params, YAML(typ="safe").load(step.text))
            YAML(typ="safe").dump(params, pipeline.path("params.yaml"))
        case other:
            raise AssertionError(other)


def merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and key in into:
            merge(into[key], value)
        else:
            into[key] = value


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The quick start with all that the page adds, and no other run."""
    pipeline = Pipeline(tmp_path_factory.mktemp("docs") / "copy")
    pipeline.lay_out(ROOT / "quickstart/params.yaml")
    params = YAML(typ="safe").load(pipeline.path("params.yaml"))
    YAML(typ="safe").dump({**params, "runs": {}, "waiting": {}}, pipeline.path("params.yaml"))
    for step in STEPS:
        apply(step, pipeline)
    return pipeline


def test_what_is_added_is_trained_and_compared(applied: Pipeline) -> None:
    assert {f"train@{run}" for run in RUNS} <= set(applied.stages())
    applied.run_at_once()
    table = applied.path("metrics/comparison.md").read_text()
    assert "| Worst F1 |" in table
    for run in RUNS:
        assert f"| {run} |" in table
        figures = json.loads(applied.path(f"metrics/detail/{run}.json").read_text())["mean"]
        assert figures["worst_f1"] < figures["macro_f1"]
        assert figures["test_accuracy"] > 0.8, "it has learnt"
    [claimed] = read_csv(applied.path("metrics/reproductions.csv"))
    found = [claimed[key] for key in ("row", "run", "status", "better", "protocol")]
    assert found == ["X1", "x1", "measured", "True", "met"]


@pytest.mark.parametrize("command", ["check", "format"])
def test_what_is_added_is_in_form(applied: Pipeline, command: str) -> None:
    paths = sorted({step.path for step in STEPS if step.path.startswith("src/")})
    words = ["check"] if command == "check" else ["format", "--diff"]
    done = applied.call("ruff", *words, "--config", str(ROOT / "pyproject.toml"), *paths)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("section", sorted({step.section for step in STEPS}))
def test_each_is_under_ten_lines_of_code(section: str) -> None:
    steps = [step for step in STEPS if step.section == section]
    assert len([line for step in steps for line in list_code(step)]) < 10


def list_code(step: Step) -> list[str]:
    """The lines of a step that somebody has to think of."""
    match step.kind:
        case "diff":
            lines = [line[1:] for line in step.text.splitlines() if line.startswith("+")]
        case "python" | "word":
            lines = step.text.splitlines()
        case _:
            lines = []
    return [line for line in lines if line.strip() and not line.startswith(("import ", "from "))]


def test_entries_are_under_ten_lines_too() -> None:
    entries = [step.text.splitlines() for step in STEPS if step.kind == "yaml"]
    assert len(entries) == 5
    assert all(len(lines) < 10 for lines in entries)


def test_every_entry_of_the_page_is_one_that_the_schema_takes() -> None:
    """Those too that name what only a reader has, images and weights, and so are not run."""
    data = YAML(typ="safe").load(ROOT / "quickstart/params.yaml")
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/adding.md").read_text(), flags=re.DOTALL)
    done = {step.text for step in STEPS if step.kind == "yaml"}
    others = [block for block in blocks if block not in done]
    assert len(others) == 3
    for block in others:
        merge(data, YAML(typ="safe").load(block))
    check_data(data)


def test_a_key_that_is_added_is_no_part_of_what_other_runs_depend_on(applied: Pipeline) -> None:
    """Their values are what they were; that they are off is what `make prove` shows of the code."""
    before = resolve_run(load(ROOT / "quickstart/params.yaml"), "mlp").augmentation
    settings = json.loads(applied.path("resolved/runs/wide.json").read_text())["settings"]["augmentation"]
    assert settings == {**json.loads(json.dumps(vars(before))), "fade": 0.0}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_and_targets_of_make_exist(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"^ *(?:\$ )?make ([a-z]+)", text, flags=re.MULTILINE)) <= targets
