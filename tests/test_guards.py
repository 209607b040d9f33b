"""Design rules that no single module could keep: floors, what DVC is told, what stages need."""

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from dvc.dependency import ParamsDependency
from dvc.stage import PipelineStage
from imports import MODULES, ROOT, SRC, STAGES, imported, loaded, module_name, parse
from pipeline import SECONDS, Pipeline, shared_folder
from ruamel.yaml import YAML

from lineup.config.files import list_others, read_files
from lineup.config.identities import Resolver
from lineup.config.params import load
from lineup.identity.code import Code
from lineup.identity.syntax import parse_module
from lineup.resolved import Resolved, parse_resolved
from sweep.schema import Best

# From the top down: a part may import what stands on lower floors, never beside or above it.
FLOORS = (
    {"comparison", "validation"},
    {"evaluation"},
    {"sources", "training", "trial", "weights"},
    {"config", "duplicates", "models", "normalisation"},
    {"components", "data", "resolved"},
    {"identity", "inference", "pictures", "settings"},
    {"alarm", "console", "environment", "files", "precision", "reports", "runtime", "statistics", "tasks"},
    {"errors"},
)
HEAVY = {"timm": {"lineup.models.timm", "lineup.weights.timm"}, "torchvision": {"lineup.models.torchvision"}}
LONGEST_STAGE = 40  # lines: what a stage does is in the library

# The file that says that the parameters have been checked: stages wait for it, none reads it.
GATE = "data/params.valid"
PARAMETER_FILES = [ROOT / "params.yaml", ROOT / "quickstart/params.yaml", ROOT / "tests/tiny.yaml"]


def show(paths: Iterable[Path]) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in paths)


# --- floors ---------------------------------------------------------------------------------------------


def part(module: str) -> str:
    return module.split(".")[1]


def test_every_part_has_its_floor() -> None:
    floors = [name for names in FLOORS for name in names]
    assert sorted(floors) == sorted({part(name) for name in map(module_name, MODULES) if name != "lineup"})


@pytest.mark.parametrize("path", MODULES, ids=show(MODULES))
def test_imports_go_down(path: Path) -> None:
    floors = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    modules = {module for module in (*imported(path), *loaded(path)) if module != "lineup"}
    if path.parent == SRC / "lineup" and path.name == "__init__.py":
        assert not modules
        return
    own = part(module_name(path))
    assert not {each for each in modules if part(each) != own and floors[part(each)] <= floors[own]}


def test_only_stages_know_the_parameters() -> None:
    """And of those only the two that check them; all others are given settings."""
    files = [path for path in (*MODULES, *STAGES) if "config" not in path.relative_to(ROOT).parts]
    users = {path for path in files if any(module.startswith("lineup.config") for module in imported(path))}
    assert show(users) == ["src/lineup/validation.py", "stages/resolve.py", "stages/validate.py"]


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
    assert [node.name for node in tree.body if isinstance(node, ast.FunctionDef)] == ["main"]
    assert ast.unparse(tree.body[-1]) == "if __name__ == '__main__':\n    stage(main)"
    assert len(path.read_text().splitlines()) <= LONGEST_STAGE


# --- what DVC is told of each stage ----------------------------------------------------------------------


def read_committed() -> dict[str, PipelineStage]:
    """The stages of this repository by name, as DVC reads them, all files of parameters put in."""
    with TemporaryDirectory() as folder:
        pipeline = Pipeline(Path(folder) / "copy")
        pipeline.lay_out(ROOT / "params.yaml")
        for path in (ROOT / "dvc.yaml", *list_others(ROOT / "dvc.yaml")):
            target = pipeline.path(str(path.relative_to(ROOT)))
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
        return pipeline.stages()


@pytest.fixture(scope="module")
def committed() -> dict[str, PipelineStage]:
    return read_committed()


def kind(name: str) -> str:
    return name.partition("@")[0]


def list_deps(stage: PipelineStage) -> list[str]:
    return [dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)]


def list_outs(stage: PipelineStage) -> list[str]:
    return [out.def_path for out in stage.outs]


def overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def list_upstream(name: str, stages: dict[str, PipelineStage]) -> set[str]:
    """The stages whose outputs the stage of that name needs, directly or not."""
    makers = {out: other for other, stage in stages.items() for out in list_outs(stage)}
    found: set[str] = set()
    waiting = [name]
    while waiting:
        needs = [dep.def_path for dep in stages[waiting.pop()].deps]
        direct = {maker for out, maker in makers.items() if any(overlap(dep, out) for dep in needs)}
        waiting += direct - found
        found |= direct
    return found


def test_resolve_alone_reads_parameters_and_code(committed: dict[str, PipelineStage]) -> None:
    """So one stage is stale after an edit, and what its identity does not name reaches no other."""
    read = {name: set(list_deps(stage)) for name, stage in committed.items()}
    data = ("data/", "models/", "metrics/", "plots/")
    sources = {dep for deps in read.values() for dep in deps if not dep.startswith(data)} - {"models"}
    own = {each.needs for each in load(ROOT / "params.yaml").datasets.values() if each.source == "folder"}
    assert {name for name, deps in read.items() if deps & (sources - own)} == {"resolve"}
    assert {"params.yaml", "src", "stages", "proofs"} <= read["resolve"]
    # A file of parameters that dvc.yaml names makes resolve stale.
    for path in show(list_others(ROOT / "dvc.yaml")):
        assert any(overlap(path, dep) for dep in read["resolve"]), path


def test_a_stage_compares_the_one_identity_that_resolve_writes_for_it(
    committed: dict[str, PipelineStage],
) -> None:
    resolver = Resolver(read_files(ROOT / "params.yaml"), Code(ROOT), {})
    written = {
        f"resolved/{name}.json": set(resolver.resolve(name).identity) - {"training"}
        for name in resolver.list_names()
    }
    compared: dict[str, set[str]] = {}
    for name, stage in committed.items():
        params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
        assert len(params) == (name != "resolve")
        for dep in params:
            assert dep.params == [f"identity.{kind(name)}"]
            compared.setdefault(dep.def_path, set()).add(kind(name))
    assert compared == written


def test_every_stage_waits_for_valid_parameters(committed: dict[str, PipelineStage]) -> None:
    """What needs no data waits for the file that says so, or for images of one's own."""
    own = {each.needs for each in load(ROOT / "params.yaml").datasets.values() if each.source == "folder"}
    made = {out for stage in committed.values() for out in list_outs(stage)}
    first = {"resolve", "validate"}
    for name in set(committed) - first:
        deps = list_deps(committed[name])
        assert deps
        assert all(dep in own or any(overlap(dep, out) for out in made) for dep in deps), name
    assert {name for name in committed if not list_upstream(name, committed)} == {"resolve"}
    assert list_upstream("validate", committed) == {"resolve"}
    assert {name for name in committed if GATE in list_deps(committed[name])} >= {
        f"download@{name}" for name, each in load(ROOT / "params.yaml").datasets.items() if each.needs == GATE
    }


def test_nothing_but_evaluate_reaches_the_test_split(committed: dict[str, PipelineStage]) -> None:
    held_back = [out for stage in committed.values() for out in list_outs(stage) if "test" in out]
    assert held_back == [f"data/views/{view}/test.safetensors" for view in load(ROOT / "params.yaml").views]
    readers = {
        name
        for name, stage in committed.items()
        if any(overlap(dep, out) for dep in list_deps(stage) for out in held_back)
    }
    assert readers == {name for name in committed if kind(name) == "evaluate"}
    params = load(ROOT / "params.yaml")
    tuned = next(name for name, run in params.runs.items() if params.weights[run.weights].source == "run")
    # Weights of another run bring its training along.
    before = {kind(other) for other in list_upstream(f"train@{tuned}", committed)}
    assert before == {"resolve", "validate", "download", "preprocess", "weights", "train"}


def test_nothing_that_tunes_reads_or_chooses_by_test(committed: dict[str, PipelineStage]) -> None:
    tools = [path for path in (ROOT / "tools").rglob("*.py") if "__pycache__" not in path.parts]
    naming = {path for path in (*MODULES, *STAGES, *tools) if "test.safetensors" in path.read_text()}
    # A proof compares bits, and shows no figure.
    known = ["src/lineup/evaluation/run.py", "stages/preprocess.py", "tools/prove/extract.py"]
    assert show(naming) == known
    raw = [out for name, stage in committed.items() if kind(name) == "download" for out in list_outs(stage)]
    readers = {kind(name) for name, stage in committed.items() if set(raw) & set(list_deps(stage))}
    assert readers == {"preprocess", "duplicates"}
    assert raw
    choices = get_args(get_args(Best)[0])
    assert choices
    assert all(choice.split()[1].startswith("val_") for choice in choices)


# --- what a stage really needs ----------------------------------------------------------------------------

SPECIAL = ("frozen", "tuned")  # runs: one that freezes, and one that starts from weights
TRIED = [
    *("download@digits", "preprocess@digits", "duplicates@digits", "weights@random", "validate"),
    *("train@conv", "evaluate@conv", "compare"),
]
RECORDED = [
    *TRIED,
    "report",  # which needs no pictures, but shows them
    "weights@handed",
    *(f"train@{run}" for run in ("dense", "coder", *SPECIAL)),
    "evaluate@coder",
]


@pytest.fixture(scope="module")
def special(finished: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The finished pipeline with the special runs as well."""
    with shared_folder(tmp_path_factory, "special") as folder:
        pipeline = Pipeline(folder / "special/copy")
        if not pipeline.folder.exists():
            shutil.copytree(finished.folder, pipeline.folder)
            data = YAML(typ="safe", pure=True).load(pipeline.path("params.yaml"))
            data["weights"]["handed"] = data["waiting_weights"].pop("handed")
            data["recipes"]["frozen"] = {**data["recipes"]["short"], "trainable": "head"}
            data["runs"]["tuned"] = data["waiting"].pop("tuned")
            data["runs"]["frozen"] = {**data["runs"]["dense"], "recipe": "frozen"}
            pipeline.path("params.yaml").write_text(json.dumps(data))
            for words in (["resolve"], ["weights", "handed"], *(["train", run] for run in SPECIAL)):
                done = pipeline.run_stage(*words)
                assert done.returncode == 0, done.stderr
            for run in SPECIAL:  # compare wants every declared run
                done = pipeline.run_stage("evaluate", run)
                assert done.returncode == 0, done.stderr
    return pipeline


def find_resolved(name: str) -> str:
    """The file that a stage is given."""
    stage, _, key = name.partition("@")
    section = {"train": "runs", "evaluate": "runs", "report": "compare"}.get(stage, stage)
    return f"resolved/{section}/{key}.json" if key else f"resolved/{section}.json"


def read(pipeline: Pipeline, name: str) -> Resolved:
    return parse_resolved(pipeline.path(find_resolved(name)).read_text(), name)


Recorded = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def recorded(special: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    with shared_folder(tmp_path_factory, "recorded") as folder:
        findings = folder / "recorded.json"
        if not findings.exists():
            findings.write_text(record(special, folder / "sandboxes"))
        found: Recorded = json.loads(findings.read_text())
    return found


def record(pipeline: Pipeline, sandboxes: Path) -> str:
    """Run each stage where nothing is but what it declares: no file of parameters, and no other code."""
    declared, code = pipeline.stages(), Code(pipeline.folder)
    empty = [
        str(path.relative_to(pipeline.folder))
        for path in pipeline.path("src").rglob("*.py")
        if parse_module(path.read_text(), keep_imports=path.name == "__init__.py").empty
    ]
    stages = {
        name: {
            "words": [name.partition("@")[2]] if "@" in name else [],
            "code": [*code.reach(kind(name), read(pipeline, name).code[kind(name)].modules), *empty],
            "files": [find_resolved(name)],
            "deps": [dep for dep in list_deps(declared[name]) if dep != GATE],
            "needs": name in TRIED,
        }
        for name in RECORDED
    }
    done = subprocess.run(
        ["python", ROOT / "tests/record_reads.py", pipeline.folder, sandboxes],
        env={**pipeline.environment(), "PYTHONPATH": ""}, input=json.dumps(stages), capture_output=True,
        text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", TRIED)
def test_the_data_a_stage_depends_on_is_the_data_it_reads(name: str, recorded: Recorded) -> None:
    # That nothing is missing is proven by the run itself: it had these files only.
    assert recorded[name]["spare"] == []


@pytest.mark.parametrize("name", RECORDED)
def test_the_modules_that_a_stage_is_said_to_load_by_name_are_those_it_loads(
    name: str, recorded: Recorded, special: Pipeline
) -> None:
    """That none is missing is proven by the run itself: code that its identity does not name was empty."""
    assert set(read(special, name).code[kind(name)].modules) <= set(recorded[name]["loaded"])


def test_what_computes_loads_nothing_that_knows_the_parameters(recorded: Recorded) -> None:
    loading = {
        name for name, each in recorded.items() if any("lineup.config" in module for module in each["loaded"])
    }
    assert loading == {"validate"}


# --- parameters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=show(PARAMETER_FILES))
def test_no_entry_of_the_parameters_lies_about(path: Path) -> None:
    params = load(path)
    runs = [*params.runs.values(), *params.waiting.values()]
    assert set(params.datasets) == {view.dataset for view in params.views.values()}
    assert set(params.views) == {run.view for run in runs}
    # Those of timm are what a run's weights can be changed to.
    menu = {name for name, each in params.waiting_weights.items() if each.source == "timm"}
    assert {*params.weights, *params.waiting_weights} - menu == {run.weights for run in runs} - menu
    # `none` need not be declared.
    assert {*params.augments, "none"} == {run.augment for run in runs} | {"none"}
    assert set(params.recipes) == {run.recipe for run in runs}
    declared = {(family, name) for family, specs in params.models.items() for name in specs}
    assert declared == {(run.family, run.model) for run in runs}


# --- what DVC stands on -----------------------------------------------------------------------------------


def test_dvc_reads_yaml_with_a_compiled_parser() -> None:
    # It reads a file for every stage; in pure Python that takes four times as long.
    assert not YAML(typ="safe").Parser.__module__.startswith("ruamel.yaml.parser")
