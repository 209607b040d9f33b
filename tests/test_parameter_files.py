"""Parameters in several files: what is wrong is told with the file's name, and each key has one default."""

import ast
import copy
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from parameters import FILE, check_data
from pipeline import ROOT, TINY
from ruamel.yaml import YAML

from lineup.config import resolve, schema
from lineup.config.files import Files, list_others, read_files
from lineup.config.identities import Resolver
from lineup.config.params import check, check_architectures, load
from lineup.config.resolve import describe_evaluation, describe_training
from lineup.errors import LineupError
from lineup.identity.code import Code
from lineup.resolved import hash_values
from lineup.settings import run as settings
from lineup.validation import validate

OTHER = "more/other.yaml"
# What stands in which file: params.yaml names entries of the other one, and the other way round.
FIRST = """
datasets: {digits: {source: digits, needs: data/params.valid}}
views: {digits: {dataset: digits, color: gray, size: 8, normalize: unit}}
weights: {random: {source: none, needs: data/params.valid}}
models: {mlp: {small: {layers: [16]}}}
recipes: {short: {epochs: 1, batch_size: 128, lr: 0.01}}
runs: {one: {row: X1, view: digits, weights: random, family: mlp, model: wide, recipe: long}}
"""
SECOND = """
views: {large: {dataset: digits, color: gray, size: 16, normalize: unit}}
waiting_weights: {handed: {source: run, needs: models/one}}
models: {mlp: {wide: {layers: [32]}}, timm: {net: {arch: resnet18}}}
augments: {moved: {rotate: 10.0}}
recipes: {long: {epochs: 9, batch_size: 128, lr: 0.01, phases: {first: {epochs: 3}}}}
runs: {two: {view: large, weights: random, family: mlp, model: small, recipe: short}}
waiting: {three: {view: digits, weights: handed, family: mlp, model: wide, augment: moved, recipe: short}}
protocols: {plain: {tta: none}}
reports: {X: {rows: {X1: {what: an MLP, fixes: {like: [plain]}}}}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two files of parameters."""
    monkeypatch.chdir(tmp_path)
    texts = {FILE: FIRST, OTHER: SECOND, "dvc.yaml": f"vars: [{OTHER}]\nstages: {{}}\n"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def change(place: str, value: Any) -> None:
    """Give the dotted `place` of the other file another value."""
    path = Path(OTHER)
    data = YAML(typ="safe").load(path)
    *parents, last = place.split(".")
    entry = data
    for key in parents:
        entry = entry.setdefault(key, {})
    entry[last] = value
    path.write_text(json.dumps(data))


def refusal() -> str:
    with pytest.raises(LineupError) as caught:
        load()
    return str(caught.value)


# --- several files are one ---------------------------------------------------------------------------------


def test_files_that_vars_names_are_read_as_one(here: Path) -> None:
    files = read_files(FILE)
    assert list(files.data["models"]["mlp"]) == ["small", "wide"]
    params = check(files)
    assert (list(params.runs), list(params.waiting), list(params.views)) == (
        ["one", "two"],
        ["three"],
        ["digits", "large"],
    )
    assert files.locate("runs.two.recipe") == f"{OTHER}: runs.two.recipe"
    assert files.locate("models.mlp.wide.layers[0]") == f"{OTHER}: models.mlp.wide.layers[0]"
    assert files.locate("models.mlp.small") == "params.yaml: models.mlp.small"
    assert files.locate("runs.none") == "params.yaml: runs.none"
    again = Files.load(json.loads(json.dumps(files.dump())))
    assert (again.first, again.data) == (files.first, files.data)
    assert [again.locate(key) for key in files.owners] == [files.locate(key) for key in files.owners]


def test_in_which_file_an_entry_stands_changes_nothing(here: Path) -> None:
    before = load()
    data = read_files(FILE).data
    Path("dvc.yaml").write_text("stages: {}\n")
    FILE.write_text(json.dumps(data))
    assert load() == before


def test_the_repository_has_the_files_that_dvc_reads() -> None:
    others = [str(path.relative_to(ROOT)) for path in list_others(ROOT / "dvc.yaml")]
    letters = ("common", "a", "b", "c", "d", "e")
    assert others == [*(f"reports/{letter}.yaml" for letter in letters), "transfer.yaml"]
    deps = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]["resolve"]["deps"]
    assert {"params.yaml", *(Path(name).parts[0] for name in others)} <= set(deps)
    assert {path.name for path in (ROOT / "reports").iterdir()} == {f"{letter}.yaml" for letter in letters}


def test_the_quick_start_has_one_file() -> None:
    assert list_others(ROOT / "quickstart/dvc.yaml") == []


# --- what is wrong is told with its file -------------------------------------------------------------------

RECIPE = {"epochs": 1, "batch_size": 128, "lr": 0.01}
RUN = {"view": "digits", "weights": "random", "family": "mlp", "model": "wide", "recipe": "long"}
# What is put where in the other file, the key that the message names, and what it says.
WRONG = [
    ("recipes.long.lr", "1e-4", "recipes.long.lr", "the text '1e-4'; expected a number; fix: write a number"),
    (
        "recipes.long.phases.first.epochs",
        0,
        "recipes.long.phases.first.epochs",
        "0; expected a number greater",
    ),
    (
        "recipes.long.epoch",
        3,
        "recipes.long.epoch",
        "unknown key; expected a key of the schema; fix: did you mean",
    ),
    ("recipes.my-own", RECIPE, "recipes.my-own", "expected a name of letters, digits and underscores"),
    (
        "augments.moved.rotate",
        181,
        "augments.moved.rotate",
        "181; expected a number less than or equal to 180",
    ),
    (
        "models.mlp.wide.layers",
        [0],
        "models.mlp.wide.layers[0]",
        "0; expected a number greater than or equal to 1",
    ),
    (
        "views.large.dataset",
        "digit",
        "views.large.dataset",
        "unknown name 'digit'; expected a name under datasets",
    ),
    ("runs.two.recipe", "shor", "runs.two.recipe", "unknown name 'shor'; expected a name under recipes"),
    ("runs.two.model", "smal", "runs.two.model", "unknown name 'smal'; expected a name under models.mlp"),
    ("runs.two.weights", "handed", "runs.two.weights", "'handed' waits; expected a name under weights"),
    ("runs.two.augment", "move", "runs.two.augment", "unknown name 'move'; expected a name under augments"),
    ("runs.two.row", "X2", "runs.two.row", "unknown name 'X2'; expected a row of a report"),
    ("runs.two.task", "reconstruction", "runs.two", "task reconstruction with family mlp; expected"),
    ("waiting.one", RUN, "waiting.one", "also in runs; expected a name in runs or in waiting"),
    (
        "waiting_weights.handed.needs",
        "models/two1",
        "waiting_weights.handed.needs",
        "no run 'two1'; expected",
    ),
    ("waiting_weights.handed.seed", 1, "waiting_weights.handed.needs", "seed 1; expected a seed of run one"),
    ("protocols.plain.like", ["gone"], "protocols.plain.like", "gone; expected another entry"),
    (
        "reports.X.rows.X1.fixes.like",
        ["gone"],
        "reports.X.rows.X1.fixes.like",
        "gone; expected another entry",
    ),
    (
        "reports.X.rows.X1.claims",
        [{"claim": 1}],
        "reports.X.rows.X1.claims[0].claim",
        "unknown key; expected",
    ),
    (
        "reports.Y.rows.X1",
        {"what": "a", "fixes": {}},
        "reports.Y.rows.X1",
        "also a row of report X; expected",
    ),
    (
        "recipes.long.schedule",
        {"name": "cosine", "warmup": 3.0},
        "recipes.long.phases.first.schedule.warmup",
        "3 epochs of 3; expected less than the epochs",
    ),
    ("views.large.normalize", "imagenet", "views.large.normalize", "imagenet for grey images; expected"),
]


@pytest.mark.parametrize(("place", "value", "key", "message"), WRONG, ids=[place for place, *_ in WRONG])
def test_what_is_wrong_in_another_file_is_one_line_with_its_name(
    here: Path, place: str, value: Any, key: str, message: str
) -> None:
    change(place, value)
    told = refusal()
    assert told.startswith(f"{OTHER}: {key}: {message}") or f"; {message}" in told
    assert told.startswith(f"{OTHER}: {key}: ")
    assert "; fix: " in told
    assert "\n" not in told


def test_each_problem_has_the_name_of_its_own_file(here: Path) -> None:
    change("recipes.long.lr", -1)
    FILE.write_text(FIRST.replace("batch_size: 128, lr: 0.01", "batch_size: 1, lr: 0.01"))
    assert sorted(line.split("; ")[0] for line in refusal().splitlines()) == [
        f"{OTHER}: recipes.long.lr: -1",
        "params.yaml: recipes.short.batch_size: 1",
    ]


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("recipes: {short: {epochs: 2}}", "recipes.short"),
        ("models: {mlp: {small: {layers: []}}}", "models.mlp.small"),
        ("runs: {one: {}}", "runs.one"),
        ("waiting_weights: {handed: {}}", "waiting_weights.handed"),
    ],
)
def test_an_entry_stands_in_one_file(here: Path, entry: str, place: str) -> None:
    """Even where both say the same: which of the two holds would not be seen."""
    Path("third.yaml").write_text(f"{entry}\n")
    Path("dvc.yaml").write_text(f"vars: [{OTHER}, third.yaml]\n")
    first = OTHER if "handed" in entry else "params.yaml"
    told = f"third.yaml: {place}: also in {first}; expected each entry once; fix: rename or remove one"
    assert refusal() == told


def test_a_file_that_is_not_there_is_named(here: Path) -> None:
    Path(OTHER).unlink()
    assert refusal().startswith(f"{OTHER}: not there; expected a YAML file of the repository; fix: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: 1\nb: [1,\n", rf"^{OTHER} line \d: .*; expected YAML"),
        ("runs:\n  a: {}\n  a: {}\n", rf"^{OTHER} line 3: key a stands twice; expected each key once"),
        ("[1, 2]\n", rf"^{OTHER}: no sections; expected sections as params.yaml has them; fix: "),
        ("", rf"^{OTHER}: no sections; expected sections as params.yaml has them; fix: "),
        ("runs: 3\n", rf"^{OTHER}: runs: "),
        ("recipe: {}\n", "recipe: unknown key; expected a key of the schema; fix: did you mean recipes?"),
    ],
)
def test_a_file_of_something_else_is_refused(here: Path, content: str, message: str) -> None:
    Path(OTHER).write_text(content)
    with pytest.raises(LineupError, match=message):
        load()


def test_what_only_a_network_can_tell_has_the_file_too(here: Path) -> None:
    change("models.timm.net.arch", "resnet19")
    files = read_files(FILE)
    with pytest.raises(LineupError, match=rf"^{OTHER}: models\.timm\.net\.arch: unknown name 'resnet19'"):
        check_architectures(check(files), files.locate)
    change("models.timm.net.arch", "vgg11")
    change("runs.two", RUN | {"family": "timm", "model": "net"})
    change("recipes.long.trainable", "layer9")
    files = read_files(FILE)
    with pytest.raises(LineupError) as caught:
        validate(check(files), files.locate)
    assert sorted(line.partition(" (")[0] for line in str(caught.value).splitlines()) == [
        f"{OTHER}: models.timm.net",
        f"{OTHER}: recipes.long.trainable",
    ]


def test_weights_and_the_views_for_them_have_the_file_too(here: Path) -> None:
    change("waiting_weights.hub", {"source": "timm", "needs": schema.GATE, "model": "resnet18.mine"})
    files = read_files(FILE)
    with pytest.raises(LineupError, match=rf"^{OTHER}: waiting_weights\.hub: unknown model 'resnet18\.mine'"):
        validate(check(files), files.locate)
    change("waiting_weights.hub.model", "resnet18.tv_in1k")
    change("waiting.three", RUN | {"view": "large", "weights": "hub"})
    files = read_files(FILE)
    with pytest.raises(
        LineupError, match=rf"^{OTHER}: views\.large \(run three, weights hub\): normalize unit"
    ):
        validate(check(files), files.locate)


# --- each key has one default, in the schema ---------------------------------------------------------------


def list_kinds() -> Iterator[type[schema.Entry]]:
    kinds = (kind for kind in vars(schema).values() if isinstance(kind, type))
    yield from (kind for kind in kinds if issubclass(kind, schema.Entry) and kind is not schema.Entry)


def test_what_stages_receive_has_no_default() -> None:
    """A value that resolve forgot would be an error, not a default of another place."""
    kinds = [
        kind for kind in vars(settings).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    ]
    assert len(kinds) >= 6
    nothing = dataclasses.MISSING
    fields = [(kind, field) for kind in kinds for field in dataclasses.fields(kind)]
    assert [
        (kind.__name__, field.name)
        for kind, field in fields
        if field.default is not nothing or field.default_factory is not nothing
    ] == []


def test_what_is_given_keys_has_no_default_of_its_own() -> None:
    """Families, sources, weights, preparation and augmentation."""
    places = {"models/*.py": "build", "sources/*.py": "save", "weights/*.py": "fetch"}
    places |= {"data/prepare.py": "prepare", "training/augment.py": "augment"}
    found = [
        (path.stem, node)
        for pattern, name in places.items()
        for path in (ROOT / "src/lineup").glob(pattern)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert len(found) > 14
    assert [name for name, node in found if node.args.defaults or any(node.args.kw_defaults)] == []


def test_dvc_reads_only_keys_that_must_be_written() -> None:
    """It knows no defaults."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values()
    kinds = {
        "datasets": [schema.Dataset, schema.FolderDataset],
        "views": [schema.View],
        "weights": [schema.NoWeights, schema.TimmWeights, schema.FileWeights, schema.RunWeights],
        "runs": [schema.Run],
    }
    read = {
        (stage["foreach"].strip("${}"), key)
        for stage in stages
        if "foreach" in stage
        for key in re.findall(r"\$\{item\.(\w+)\}", json.dumps(stage["do"]))
    }
    assert read == {
        ("datasets", "needs"), ("views", "dataset"), ("weights", "needs"),
        ("runs", "view"), ("runs", "weights"),
    }  # fmt: skip
    assert [
        (kind.__name__, key)
        for section, key in sorted(read)
        for kind in kinds[section]
        if not kind.model_fields[key].is_required()
    ] == []


def list_written(values: Any, place: str = "") -> Iterator[tuple[str, schema.Entry, str]]:
    """Every key that is written, with its entry and the place of that."""
    if isinstance(values, schema.Entry):
        yield from ((place, values, key) for key in values.model_fields_set)
        values = {key: getattr(values, key) for key in values.model_fields_set}
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from list_written(value, f"{place}.{key}")


@pytest.mark.parametrize("name", ["params.yaml", "quickstart/params.yaml", "tests/tiny.yaml"])
def test_entries_state_only_what_differs(name: str) -> None:
    written = list(list_written(load(ROOT / name)))
    assert len(written) > 50
    assert [
        f"{place}.{key}"
        for place, entry, key in written
        if not (field := type(entry).model_fields[key]).is_required()
        and getattr(entry, key) == field.get_default(call_default_factory=True)
    ] == []


# --- a new key ---------------------------------------------------------------------------------------------


class Mlp(schema.Mlp):
    """A family with one key more."""

    bias: bool = schema.neutral(True)


class Augment(schema.Augment):
    """An augmentation with one key more."""

    fade: float = schema.neutral(0.0)


class Runtime(schema.Runtime):
    """How runs are computed, with one key more."""

    compile: bool = schema.neutral(False)


class Recipe(schema.Recipe):
    """A recipe with one key more."""

    clip: float = schema.neutral(0.0)


class View(schema.View):
    """A view with one key more."""

    margin: int = schema.neutral(0)


class Digits(schema.Dataset):
    """A dataset with one key more."""

    version: int = schema.neutral(1)


class Random(schema.NoWeights):
    """Weights with one key more."""

    gain: float = schema.neutral(1.0)


# What replaces each entry of tests/tiny.yaml, its new key, and a value that is not neutral.
NEW: list[tuple[str, type[schema.Entry], str, Any]] = [
    ("models.mlp.dense", Mlp, "bias", False),
    ("augments.none", Augment, "fade", 0.5),
    ("runtime", Runtime, "compile", True),
    ("recipes.short", Recipe, "clip", 0.1),
    ("views.digits", View, "margin", 1),
    ("datasets.digits", Digits, "version", 2),
    ("weights.random", Random, "gain", 2.0),
]


def put(
    params: schema.Params, place: str, kind: type[schema.Entry], changes: Mapping[str, Any]
) -> schema.Params:
    """The parameters with a `kind` of entry at `place`, made of what is written there, and `changes`."""
    section, *names = place.split(".")
    part = copy.deepcopy(getattr(params, section))
    if names:
        *outer, last = names
        entries = part
        for name in outer:
            entries = entries[name]
        entries[last] = kind(**entries[last].model_dump(exclude_unset=True), **changes)
    else:
        part = kind(**part.model_dump(exclude_unset=True), **changes)
    return params.model_copy(update={section: part})


class Given(Resolver):
    """A resolver of parameters that no file has."""

    def __init__(self, params: schema.Params) -> None:
        super().__init__(read_files(TINY), Code(ROOT), {})
        self.params = params


def describe(params: schema.Params) -> dict[str, str]:
    """The identities of what a run and its data depend on."""
    names = ("runs/dense", "preprocess/digits", "download/digits", "weights/random")
    given = Given(params)
    found = {kind: text for name in names for kind, text in given.resolve(name).identity.items()}
    described = {
        "values of training": describe_training(params, "dense"),
        "values of evaluation": describe_evaluation(params, "dense"),
    }
    return found | {key: hash_values(values) for key, values in described.items()}


@pytest.mark.parametrize(("place", "kind", "key", "value"), NEW, ids=[place for place, *_ in NEW])
def test_a_new_key_changes_nothing_until_it_is_used(
    place: str, kind: type[schema.Entry], key: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = load(TINY)
    before, given = describe(params), resolve.resolve_run(params, "dense")
    if kind is Recipe:
        monkeypatch.setattr("lineup.config.resolve.Recipe", Recipe)
        monkeypatch.setattr("lineup.config.resolve.THROUGHOUT", (*resolve.THROUGHOUT, "clip"))
        old = [name for name in params.recipes if f"recipes.{name}" != place]
        for name in old:
            params = put(params, f"recipes.{name}", kind, {})
    # What stages are given has the key; settings/run.py would have it too.
    monkeypatch.setattr("lineup.config.identities.resolve_run", lambda *_: given)
    neutral = schema.find_neutral(kind)[key]
    assert describe(put(params, place, kind, {})) == before
    assert describe(put(params, place, kind, {key: neutral})) == before
    after = describe(put(params, place, kind, {key: value}))
    stages = {
        "views": {"preprocess"},
        "datasets": {"download"},
        "weights": {"weights"},
        "augments": {"training", "train", "evaluate", "values of training", "values of evaluation"},
    }
    trained = {"training", "train", "values of training"}
    assert {name for name in before if before[name] != after[name]} == stages.get(
        place.split(".", maxsplit=1)[0], trained
    )


@pytest.mark.parametrize("kind", list(list_kinds()), ids=lambda kind: kind.__name__)
def test_a_neutral_key_is_left_out_of_the_meaning_and_no_other(kind: type[schema.Entry]) -> None:
    neutrals = schema.find_neutral(kind)
    defaults = {key: field.get_default(call_default_factory=True) for key, field in kind.model_fields.items()}
    meant = kind.model_construct(**defaults).dump_meaning()
    assert set(meant) == set(kind.model_fields) - set(neutrals)
    assert {key: defaults[key] for key in neutrals} == neutrals


def test_numbers_may_be_written_in_two_ways() -> None:
    """A whole number where a fraction could stand is that fraction, for an identity too."""
    data = YAML(typ="safe").load(TINY)
    data["recipes"]["short"] |= {"lr": 1, "schedule": {"name": "one_cycle", "warmup": 1}}
    data["augments"]["none"]["shift"] = [1, 0]
    whole = describe_training(check_data(data), "dense")
    data["recipes"]["short"] |= {"lr": 1.0, "schedule": {"name": "one_cycle", "warmup": 1.0}}
    data["augments"]["none"]["shift"] = [1.0, 0.0]
    assert json.dumps(whole) == json.dumps(describe_training(check_data(data), "dense"))
