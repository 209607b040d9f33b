"""Which code a stage's identity is made of: all that it can run, and nothing else."""

import ast
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from imports import MODULES, ROOT, SRC, STAGES, find_file, loaded, parse
from parameters import gather
from ruamel.yaml import YAML

from lineup.components import FREEZING, STARTING
from lineup.config.files import Files, read_files
from lineup.config.identities import Resolver
from lineup.errors import LineupError
from lineup.identity import code
from lineup.identity.code import DATA, Code, combine

# A checkout of some lines: `train` reaches all but what only types need, `other` next to nothing.
SMALL = {
    "stages/train.py": "from lineup import parts\nfrom lineup.deep.inner import run\nrun(parts.ONE)\n",
    "stages/other.py": "import lineup\nprint(lineup)\n",
    "src/lineup/__init__.py": '"""A package."""\n',
    "src/lineup/parts.py": "ONE = 1\n",
    "src/lineup/types.py": "class Kind: pass\n",
    "src/lineup/late.py": "def load(): return 2\n",
    "src/lineup/deep/__init__.py": "from lineup.deep.handed import hand\n",
    "src/lineup/deep/handed.py": "def hand(): return 3\n",
    "src/lineup/deep/page.html": "<p>\n",
    "src/lineup/deep/inner.py": (
        "from lineup.types import Kind\n\n"
        "def run(kind: Kind):\n    from lineup.late import load\n    return load()\n"
    ),
    "src/lineup/chosen/__init__.py": "",
    "src/lineup/chosen/one.py": "def build(): return 4\n",
    "src/lineup/chosen/two.py": "def build(): return 5\n",
}
REACHED = {
    "stages/train.py", "src/lineup/parts.py", "src/lineup/late.py", "src/lineup/deep/__init__.py",
    "src/lineup/deep/handed.py", "src/lineup/deep/page.html", "src/lineup/deep/inner.py",
}  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Path:
    for name, text in SMALL.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_a_stage_runs_is_followed_wherever_it_is_imported(small: Path) -> None:
    ours = Code(small)
    assert set(ours.reach("train")) == REACHED
    assert set(ours.reach("train", ["lineup.chosen.one"])) == {*REACHED, "src/lineup/chosen/one.py"}
    assert set(ours.reach("other")) == {"stages/other.py"}


@pytest.mark.parametrize("name", SMALL)
def test_a_change_counts_where_it_can_be_run(small: Path, name: str) -> None:
    def hash_all() -> list[str]:
        return [combine(Code(small).reach(*each)) for each in (("train", ["lineup.chosen.one"]), ("other",))]

    before = hash_all()
    path = small / name
    path.write_text(path.read_text() + "\n# <!-- a remark -->\n" * path.name.endswith(".py"))
    assert hash_all() == before
    path.write_text(path.read_text() + "\nMORE = 1\n")
    everywhere = name == "src/lineup/__init__.py"
    in_train = (
        name in REACHED or everywhere or name in ("src/lineup/chosen/__init__.py", "src/lineup/chosen/one.py")
    )
    changed = [one != other for one, other in zip(before, hash_all(), strict=True)]
    assert changed == [in_train, name == "stages/other.py" or everywhere]


def test_the_hash_is_the_same_wherever_the_checkout_lies(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small / "src", tmp_path / "elsewhere/src")
    shutil.copytree(small / "stages", tmp_path / "elsewhere/stages")
    assert Code(tmp_path / "elsewhere").reach("train") == Code(small).reach("train")


def test_a_file_that_is_moved_has_another_hash(small: Path) -> None:
    before = combine(Code(small).reach("train"))
    (small / "src/lineup/parts.py").rename(small / "src/lineup/pieces.py")
    script = small / "stages/train.py"
    script.write_text(script.read_text().replace("parts", "pieces"))
    assert combine(Code(small).reach("train")) != before


@pytest.mark.parametrize("content", [b"def (", b"ONE = 'a\xff'", b"ONE = 1\0"])
def test_code_that_is_no_python_is_one_line(small: Path, content: bytes) -> None:
    (small / "src/lineup/late.py").write_bytes(content)
    with pytest.raises(LineupError, match=r"late\.py: not readable \(.*fix: restore or mend it$") as raised:
        Code(small).reach("train")
    assert len(str(raised.value).splitlines()) == 1


# --- no code that the identity cannot see -----------------------------------------------------------------


@pytest.mark.parametrize("path", [*MODULES, *STAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_loaded_by_names_that_the_components_know(path: Path) -> None:
    """`loaded` refuses any other; and there is no other way to run what stands in a file."""
    for name in loaded(path):
        assert find_file(name), name
    functions = [ast.unparse(node.func) for node in ast.walk(parse(path)) if isinstance(node, ast.Call)]
    assert not {"__import__", "exec", "eval", "compile"} & set(functions)
    others = {"run_path", "run_module", "spec_from_file_location", "exec_module"}
    assert not others & {name.rpartition(".")[2] for name in functions}


def test_files_beside_the_modules_are_of_kinds_that_count() -> None:
    kinds = {path.suffix for path in (SRC / "lineup").rglob("*.*") if path.is_file()}
    assert kinds - {".pyc", ".typed"} == {".py", *DATA}


# --- what changes reach -----------------------------------------------------------------------------------

# Those of tests/tiny.yaml, one that freezes, one that starts from weights, and one with two optimizers.
RUNS = ("dense", "long", "conv", "coder", "frozen", "tuned", "phased")
CLASSIFIERS = tuple(run for run in RUNS if run != "coder")


def declare() -> Files:
    data = YAML(typ="safe", pure=True).load(ROOT / "tests/tiny.yaml")
    data["weights"] |= data.pop("waiting_weights")
    data["runs"]["tuned"] = data.pop("waiting")["tuned"]
    short, dense = data["recipes"]["short"], data["runs"]["dense"]
    phases = {"first": {"epochs": 1}, "second": {"epochs": 1, "optimizer": "rmsprop"}}
    data["recipes"] |= {"frozen": {**short, "trainable": "head"}, "phased": {**short, "phases": phases}}
    data["runs"] |= {name: {**dense, "recipe": name} for name in ("frozen", "phased")}
    return gather(data)


def identify(ours: Code, files: Files) -> dict[str, str]:
    """The identity of every stage, as `train@dense`; a training's is without seeds."""
    resolver = Resolver(files, ours, {})
    resolved = {name: resolver.resolve(name) for name in resolver.list_names()}
    return {
        f"{stage}@{name.partition('/')[2]}".removesuffix("@"): digest
        for name, each in resolved.items()
        for stage, digest in each.identity.items()
        if stage != "training"
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of our code, of which each text is parsed once."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("src/lineup", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "parse_module", cache(code.parse_module))
        yield folder


def train(*runs: str) -> set[str]:
    return {f"train@{run}" for run in runs}


def evaluate(*runs: str) -> set[str]:
    return {f"evaluate@{run}" for run in runs}


OTHERS = {
    *("validate", "download@digits", "preprocess@digits", "duplicates@digits"),
    *("weights@random", "weights@handed", "compare", "report"),
}
EVALUATORS = "src/lineup/evaluation/evaluators"
TRAINING = "src/lineup/training"
CHANGES = {
    f"{TRAINING}/optimizers/sgd.py": train("long"),
    f"{TRAINING}/optimizers/adam.py": train(*set(RUNS) - {"long"}),
    f"{TRAINING}/optimizers/rmsprop.py": train("phased"),
    f"{TRAINING}/optimizers/muon.py": set(),
    f"{TRAINING}/freezing/freezer.py": train("frozen") | {"validate"},
    f"{TRAINING}/freezing/feature_cache.py": train("frozen") | {"validate"},
    f"{TRAINING}/initial.py": train("tuned"),
    f"{TRAINING}/fit.py": train(*RUNS),
    f"{TRAINING}/seeds.py": train(*RUNS),
    f"{TRAINING}/augment.py": train(*RUNS) | evaluate(*RUNS),
    "src/lineup/alarm.py": train(*RUNS) | evaluate(*RUNS),
    "src/lineup/tasks/classification.py": train(*CLASSIFIERS),
    "src/lineup/tasks/reconstruction.py": train("coder"),
    "src/lineup/models/cnn.py": {"validate"} | train("conv") | evaluate("conv"),
    "src/lineup/models/timm.py": set(),
    f"{EVALUATORS}/classification/reliability.py": evaluate(*CLASSIFIERS),
    f"{EVALUATORS}/reconstruction/probe.py": evaluate("coder"),
    "src/lineup/evaluation/run.py": evaluate(*RUNS),
    "src/lineup/data/prepare.py": {"preprocess@digits", "duplicates@digits", "validate"},
    "src/lineup/sources/digits.py": {"download@digits"},
    "src/lineup/sources/folder.py": set(),
    "src/lineup/weights/run.py": {"weights@handed"},
    "src/lineup/trial.py": {"validate"},
    "src/lineup/config/schema.py": {"validate"},
    "src/lineup/comparison/verdict.py": {"compare", "report"},
    "src/lineup/comparison/report.html": {"compare", "report"},
    "src/lineup/identity/syntax.py": train(*RUNS) | evaluate(*RUNS) | OTHERS,
    "src/lineup/errors.py": train(*RUNS) | evaluate(*RUNS) | OTHERS,
    "src/lineup/settings/run.py": {"validate"} | train(*RUNS) | evaluate(*RUNS),
    "stages/train.py": train(*RUNS),
    "stages/evaluate.py": evaluate(*RUNS),
    "stages/compare.py": {"compare"},
    "stages/report.py": {"report"},
    "stages/resolve.py": set(),
}


@pytest.mark.parametrize(("name", "expected"), CHANGES.items(), ids=CHANGES)
def test_a_change_reaches_what_can_run_it(checkout: Path, name: str, expected: set[str]) -> None:
    files, path = declare(), checkout / name
    before, text = identify(Code(checkout), files), path.read_text()
    try:
        path.write_text(f"{text}\nCHANGED = 1\n")
        after = identify(Code(checkout), files)
    finally:
        path.write_text(text)
    assert {stage for stage in before if after[stage] != before[stage]} == expected


def test_freezing_and_weights_are_named_only_where_a_run_has_some(checkout: Path) -> None:
    resolver = Resolver(declare(), Code(checkout), {})
    named = {run: set(resolver.resolve(f"runs/{run}").code["train"].modules) for run in RUNS}
    assert {run for run in RUNS if FREEZING in named[run]} == {"frozen"}
    assert {run for run in RUNS if STARTING in named[run]} == {"tuned"}


@pytest.mark.parametrize("file", ["params.yaml", "quickstart/params.yaml"])
def test_nothing_that_computes_knows_the_parameters(file: str) -> None:
    """So a new key in the schema retrains nothing: the values reach a stage through resolved/ alone."""
    resolver = Resolver(read_files(ROOT / file), Code(ROOT), {})
    for name in resolver.list_names():
        for stage, reached in resolver.resolve(name).code.items():
            files = resolver.code.reach(stage, reached.modules)
            assert f"stages/{stage}.py" in files
            if stage != "validate":
                assert not [each for each in files if each.startswith("src/lineup/config/")], name
