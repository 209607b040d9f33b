"""Design rules that no single module could keep: floors, dependencies, parameters, the test split."""

import ast
import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
from dvc.dependency import ParamsDependency
from dvc.stage import PipelineStage
from imports import ROOT, SRC, Choices, holds_only_docstring, imported, module_name, needed_files, parse
from pipeline import Pipeline, shared_folder
from record_reads import list_leaves
from ruamel.yaml import YAML

from lineup.config.params import load
from lineup.config.schema import Params
from lineup.training.fingerprint import is_neutral
from sweep.schema import Best

STAGES = sorted((ROOT / "stages").glob("*.py"))
MODULES = sorted((SRC / "lineup").rglob("*.py"))

# From the top down: a part may import what stands on lower floors, never beside or above it.
FLOORS = (
    {"comparison", "judges"},
    {"evaluation", "training", "sources", "weights"},
    {"tasks", "inference", "normalisation", "precision", "trial"},
    {"duplicates", "models"},
    {"data"},
    {"claims", "config", "environment", "pictures", "protocols", "runtime"},
    {"console", "files", "statistics"},
    {"errors"},
)
HEAVY = {"timm": {"lineup.models.timm", "lineup.weights.timm"}, "torchvision": {"lineup.models.torchvision"}}

# The file that says that params.yaml has been checked: stages wait for it, none reads it.
GATE = "data/params.valid"
PARAMETER_FILES = [ROOT / "params.yaml", ROOT / "quickstart/params.yaml", ROOT / "tests/tiny.yaml"]


def show(paths: Iterable[Path]) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in paths)


# --- floors ---------------------------------------------------------------------------------------------


def part(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=show(MODULES))
def test_imports_go_down(path: Path) -> None:
    floors = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    if path.parent == SRC / "lineup" and path.name == "__init__.py":
        assert not list(imported(path, None))
        return
    own = part(module_name(path))
    above = {
        module
        for module in imported(path, None)
        if module != "lineup" and part(module) != own and floors[part(module)] <= floors[own]
    }
    assert not above


def test_only_stages_know_the_parameters() -> None:
    inside = [path for path in MODULES if module_name(path).startswith("lineup.config")]
    users = {
        module_name(path)
        for path in set(MODULES) - set(inside)
        if any(module.startswith("lineup.config") for module in imported(path, None))
    }
    assert not users


@pytest.mark.parametrize("path", MODULES + STAGES, ids=show(MODULES + STAGES))
def test_slow_libraries_are_imported_where_they_are_needed(path: Path) -> None:
    tops = (node for node in parse(path).body if isinstance(node, ast.Import | ast.ImportFrom))
    names = {
        name.split(".")[0]
        for node in tops
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    own = module_name(path) if path.is_relative_to(SRC) else path.stem
    assert not {name for name, allowed in HEAVY.items() if name in names and own not in allowed}


@pytest.mark.parametrize("path", STAGES, ids=show(STAGES))
def test_a_stage_says_what_it_does_and_has_one_main(path: Path) -> None:
    tree = parse(path)
    assert re.search(r"\bOut: |->", ast.get_docstring(tree) or "")
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)].count("main") == 1
    assert ast.unparse(tree.body[-1]) == "if __name__ == '__main__':\n    stage(main)"


# --- what DVC is told of each stage ----------------------------------------------------------------------


def read_committed() -> dict[str, PipelineStage]:
    with TemporaryDirectory() as folder:
        pipeline = Pipeline(Path(folder) / "copy")
        pipeline.lay_out(ROOT / "params.yaml")
        return pipeline.stages()


# What several families are built with; dvc.yaml cannot say which. train keeps the runs that do not use it.
SHARED_LAYERS = {SRC / "lineup/models/narrow.py"}
COMMITTED = read_committed()
PARAMS = load(ROOT / "params.yaml")


def kind(name: str) -> str:
    return name.partition("@")[0]


def list_deps(stage: PipelineStage) -> list[str]:
    return [dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)]


def list_params(stage: PipelineStage) -> list[str]:
    return [key for dep in stage.deps if isinstance(dep, ParamsDependency) for key in dep.params]


def is_code(dep: str) -> bool:
    return dep.startswith(("src/", "stages/"))


def choose(name: str) -> dict[str, str]:
    """The modules that the stage of that name picks by its parameters."""
    group, _, key = name.partition("@")
    if group == "download":
        return {"lineup.sources": PARAMS.datasets[key].source}
    if group == "weights":
        return {"lineup.weights": PARAMS.weights[key].source}
    if group in ("train", "evaluate"):
        run = PARAMS.runs[key]
        return {"lineup.tasks": run.task, "lineup.judges": run.task, "lineup.models": run.family}
    return {}


def needed(name: str, choices: Choices) -> set[Path]:
    files = needed_files(ROOT / "stages" / f"{kind(name)}.py", choices)
    return {path for path in files if not exempt(path, kind(name))}


def exempt(path: Path, group: str) -> bool:
    """Whether a change of the module cannot change what the stage makes. validate makes a judgement."""
    if not path.is_relative_to(SRC):
        return False
    module = module_name(path)
    return is_neutral(module) and not (group == "validate" and module.startswith("lineup.config"))


@pytest.mark.parametrize("name", COMMITTED)
def test_the_code_a_stage_depends_on_is_the_code_it_runs(name: str) -> None:
    declared = {ROOT / dep for dep in list_deps(COMMITTED[name]) if is_code(dep)}
    assert all(path.exists() for path in declared)
    files = {path for path in declared if path.is_file()}
    inside = {path for folder in declared - files for path in folder.rglob("*") if is_source(path)}
    wanted = needed(name, choose(name))
    # One source more or less in its folder may repeat a download: dvc.yaml stays short.
    possible = needed(name, None) if kind(name) == "download" else wanted
    shared = SHARED_LAYERS if kind(name) in ("train", "evaluate") else set()
    missing, spare, spare_inside = wanted - files - inside, files - wanted - shared, inside - possible
    assert (show(missing), show(spare), show(spare_inside)) == ([], [], [])


def is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and not holds_only_docstring(path)


def list_outs(stage: PipelineStage) -> list[str]:
    return [out.def_path for out in stage.outs]


def overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def list_upstream(name: str) -> set[str]:
    """The stages whose outputs the stage of that name needs, directly or not."""
    direct = {
        other
        for other, stage in COMMITTED.items()
        if any(overlap(dep, out) for dep in list_deps(COMMITTED[name]) for out in list_outs(stage))
    }
    return direct.union(*map(list_upstream, direct))


def test_nothing_but_evaluate_reaches_the_test_split() -> None:
    held_back = [out for stage in COMMITTED.values() for out in list_outs(stage) if "test" in out]
    assert held_back == [f"data/views/{view}/test.safetensors" for view in PARAMS.views]
    readers = {
        name
        for name, stage in COMMITTED.items()
        if any(overlap(dep, out) for dep in list_deps(stage) for out in held_back)
    }
    assert readers == {name for name in COMMITTED if kind(name) == "evaluate"}
    before_training = {
        kind(other) for name in COMMITTED if kind(name) == "train" for other in list_upstream(name)
    }
    # Weights of another run bring its training along.
    assert before_training | {"train"} == {"validate", "download", "preprocess", "weights", "train"}


def test_nothing_that_tunes_reads_or_chooses_by_test() -> None:
    tools = [path for path in (ROOT / "tools").rglob("*.py") if "__pycache__" not in path.parts]
    naming = {path for path in (*MODULES, *STAGES, *tools) if "test.safetensors" in path.read_text()}
    assert show(naming) == ["stages/evaluate.py", "stages/preprocess.py"]
    raw = [out for name in COMMITTED if kind(name) == "download" for out in list_outs(COMMITTED[name])]
    readers = {kind(name) for name, stage in COMMITTED.items() if set(raw) & set(list_deps(stage))}
    assert readers == {"preprocess", "duplicates"}
    assert raw
    choices = get_args(get_args(Best)[0])
    assert choices
    assert all(choice.split()[1].startswith("val_") for choice in choices)


# --- parameters -------------------------------------------------------------------------------------------

RECORDED = {
    "download@digits": "digits",
    "preprocess@digits": "digits",
    "duplicates@digits": "digits",
    "weights@random": "random",
    "train@conv": "conv",
    "evaluate@conv": "conv",
    "compare": "",
}


@pytest.fixture(scope="module")
def tiny(finished: Pipeline) -> dict[str, PipelineStage]:
    return finished.stages()


@pytest.fixture(scope="module")
def recorded(
    finished: Pipeline, tiny: dict[str, PipelineStage], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, list[str]]]:
    """What each stage reads, run with its declared files and no others."""
    stages = {
        name: {
            "script": str(ROOT / "stages" / f"{kind(name)}.py"),
            "words": [word] if word else [],
            "deps": [dep for dep in list_deps(tiny[name]) if not is_code(dep) and dep != GATE],
        }
        for name, word in RECORDED.items()
    }
    with shared_folder(tmp_path_factory, "recorded") as folder:
        findings = folder / "recorded.json"
        if not findings.exists():
            findings.write_text(record(finished, folder / "sandboxes", stages))
        found: dict[str, dict[str, list[str]]] = json.loads(findings.read_text())
    return found


def record(finished: Pipeline, sandboxes: Path, stages: dict[str, Any]) -> str:
    done = subprocess.run(
        ["python", ROOT / "tests/record_reads.py", finished.folder, sandboxes], env=finished.environment(),
        input=json.dumps(stages), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def interpolated(name: str) -> set[str]:
    """The parameters that dvc.yaml puts into the stage's own definition: DVC sees them change by that."""
    entry: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"][kind(name)]
    section = entry.get("foreach", "").strip("${}")
    keys = re.findall(r"\$\{item\.(\w+)\}", json.dumps(entry))
    return {f"{section}.{name.partition('@')[2]}.{key}" for key in keys}


def covers(declared: str, key: str) -> bool:
    return key == declared or key.startswith(f"{declared}.")


@pytest.mark.parametrize("name", RECORDED)
def test_the_parameters_a_stage_depends_on_are_those_it_reads(
    name: str, recorded: dict[str, dict[str, list[str]]], tiny: dict[str, PipelineStage], finished: Pipeline
) -> None:
    declared, read = list_params(tiny[name]), set(recorded[name]["read"])
    missing = {key for key in read - interpolated(name) if not any(covers(entry, key) for entry in declared)}
    assert not missing
    data = YAML(typ="safe").load(finished.path("params.yaml"))
    for entry in declared:
        leaves = {key for key in list_leaves(data) if covers(entry, key)}
        # dvc.yaml cannot name one key of every run, so a section counts as read when something in it is.
        section = entry in Params.model_fields and entry != "runtime"
        assert leaves & read if section else leaves <= read | interpolated(name), f"{entry} is spare"


@pytest.mark.parametrize("name", RECORDED)
def test_the_data_a_stage_depends_on_is_the_data_it_reads(
    name: str, recorded: dict[str, dict[str, list[str]]]
) -> None:
    # That nothing is missing is proven by the run itself: it had these files only.
    assert recorded[name]["spare"] == []


def test_every_value_of_the_parameters_is_read(
    recorded: dict[str, dict[str, list[str]]], finished: Pipeline
) -> None:
    used = {key for name in RECORDED for key in [*recorded[name]["read"], *interpolated(name)]}
    data = YAML(typ="safe").load(finished.path("params.yaml"))
    sections = ("runtime", "datasets", "views", "weights", "augments")
    places = [*sections, "models.cnn", "recipes.short", "runs.conv"]
    unread = {key for key in list_leaves(data) for place in places if covers(place, key)} - used
    assert not unread


def test_validate_depends_on_all_parameters() -> None:
    assert set(list_params(COMMITTED["validate"])) == set(Params.model_fields)


def test_every_stage_waits_for_valid_parameters() -> None:
    made = ("data/", "models/", "metrics/", "plots/")
    roots = {
        name for name, stage in COMMITTED.items() if not any(d.startswith(made) for d in list_deps(stage))
    }
    assert roots == {"validate"}


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=show(PARAMETER_FILES))
def test_no_entry_of_the_parameters_lies_about(path: Path) -> None:
    params = load(path)
    runs = [*params.runs.values(), *params.waiting.values()]
    assert set(params.datasets) == {view.dataset for view in params.views.values()}
    assert set(params.views) == {run.view for run in runs}
    # Those of timm are what a run's weights can be changed to.
    menu = {name for name, each in params.waiting_weights.items() if each.source == "timm"}
    assert {*params.weights, *params.waiting_weights} - menu == {run.weights for run in runs} - menu
    assert set(params.augments) == {run.augment for run in runs}
    assert set(params.recipes) == {run.recipe for run in runs}
    declared = {(family, name) for family, specs in params.models.items() for name in specs}
    assert declared == {(run.family, run.model) for run in runs}


# --- what DVC stands on -----------------------------------------------------------------------------------


def test_dvc_reads_yaml_with_a_compiled_parser() -> None:
    # It reads params.yaml once for every stage; in pure Python that takes four times as long.
    assert not YAML(typ="safe").Parser.__module__.startswith("ruamel.yaml.parser")
