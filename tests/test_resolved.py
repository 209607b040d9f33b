"""The files that stages are given: what is in them, and that nothing else passes for one."""

import copy
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from parameters import gather
from pipeline import ROOT, TINY, Pipeline
from pydantic import BaseModel
from ruamel.yaml import YAML

from lineup.config import schema
from lineup.config.files import read_files
from lineup.config.identities import Resolver
from lineup.config.params import load
from lineup.config.resolve import resolve_comparison, resolve_run
from lineup.config.schema import find_neutral
from lineup.errors import LineupError
from lineup.identity.code import Code
from lineup.resolved import Reached, Resolved, format_resolved, hash_values, parse_resolved, write_all
from lineup.settings.comparison import make_comparison
from lineup.settings.run import make_run

FIX = "run `dvc repro resolve`"
RESULTS = ("models", "metrics", "plots", "data", "resolved")
CONTENT = Resolved(
    {"train": "12ab", "training": "34cd"},
    {"train": Reached(("lineup.models.mlp",), "56ef")},
    {"seeds": [0], "lr": 1e-4},
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- the form of a file -----------------------------------------------------------------------------------


def test_what_is_written_is_what_is_read() -> None:
    assert parse_resolved(format_resolved(CONTENT), "a.json") == CONTENT


def test_a_hash_of_values_knows_no_order_of_keys_and_nothing_else() -> None:
    assert hash_values({"a": 1, "b": [1, 2]}) == hash_values({"b": [1, 2], "a": 1})
    others = [{"a": 1, "b": [2, 1]}, {"a": 1.5, "b": [1, 2]}, {"a": "1", "b": [1, 2]}, {"a": 1}, None]
    assert len({hash_values(each) for each in [{"a": 1, "b": [1, 2]}, *others]}) == 6


def test_every_edit_by_hand_is_refused() -> None:
    text = format_resolved(CONTENT)
    edits = {"12ab": "12ac", "56ef": "56ee", "models.mlp": "models.cnn", "0.0001": "0.0002", "seeds": "sees"}
    for old, new in {**edits, '"checksum": "': '"checksum": "0'}.items():
        assert text.count(old) == 1
        with pytest.raises(
            LineupError, match=r"^a\.json: edited by hand; expected .*; fix: run `dvc repro resolve`$"
        ):
            parse_resolved(text.replace(old, new), "a.json")
    # Layout is no content.
    assert parse_resolved(json.dumps(json.loads(text)), "a.json") == CONTENT


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "1", '"text"', "{}", '{"checksum": "1"}', "<<<<<<< HEAD"]
)
def test_what_is_no_such_file_is_one_line(text: str) -> None:
    with pytest.raises(LineupError) as raised:
        parse_resolved(text, "a.json")
    assert str(raised.value).startswith("a.json: not readable (")
    assert str(raised.value).endswith(f"; fix: {FIX}")
    assert len(str(raised.value).splitlines()) == 1


def test_only_files_that_change_are_written_and_those_of_nothing_go(here: Path) -> None:
    write_all({"runs/one": CONTENT, "runs/two": CONTENT, "compare": CONTENT})
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*.json")}
    changed = Resolved({"train": "78ab"}, {}, {})
    write_all({"runs/two": CONTENT, "runs/three": CONTENT, "compare": changed})
    after = {str(path.relative_to(here)): path for path in here.rglob("*.json")}
    assert set(after) == {"resolved/runs/two.json", "resolved/runs/three.json", "resolved/compare.json"}
    assert after["resolved/runs/two.json"].stat().st_mtime_ns == before[after["resolved/runs/two.json"]]
    assert parse_resolved(after["resolved/compare.json"].read_text(), "") == changed


# --- what a stage takes -----------------------------------------------------------------------------------

# {stage: its file and the words of its call}
STAGES = {
    "train": ("runs/dense", ["dense"]),
    "evaluate": ("runs/dense", ["dense"]),
    "preprocess": ("preprocess/digits", ["digits"]),
    "duplicates": ("duplicates/digits", ["digits"]),
    "download": ("download/digits", ["digits"]),
    "weights": ("weights/random", ["random"]),
    "validate": ("validate", []),
    "compare": ("compare", []),
    "report": ("compare", []),
}


@pytest.fixture(scope="module")
def restored(finished: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A copy of the finished pipeline, for changes that are taken back."""
    folder = tmp_path_factory.mktemp("restored") / "copy"
    shutil.copytree(finished.folder, folder)
    return Pipeline(folder)


def refuse(pipeline: Pipeline, stage: str, *words: str) -> str:
    """The one line with which a stage stops, having changed nothing."""
    before = pipeline.digests(*RESULTS)
    done = pipeline.run_stage(stage, *words)
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
    assert pipeline.digests(*RESULTS) == before
    return done.stderr.rstrip("\n")


def test_no_stage_is_left_out() -> None:
    assert {*STAGES, "resolve"} == {path.stem for path in (ROOT / "stages").glob("*.py")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_its_own_file_and_no_other(restored: Pipeline, stage: str) -> None:
    """Not one that is missing, nor one that was edited, nor one that was made for other code."""
    name, words = STAGES[stage]
    path, script = restored.path(f"resolved/{name}.json"), restored.path(f"stages/{stage}.py")
    text, code, where = path.read_text(), script.read_text(), f"error: resolved/{name}.json"
    try:
        path.unlink()
        missing = "not readable (No such file or directory); expected what resolve wrote"
        assert refuse(restored, stage, *words) == f"{where}: {missing}; fix: {FIX}"
        path.write_text(text.replace('"identity": {', '"identity": {"more": "1",'))
        edited = f"{where}: edited by hand; expected what resolve wrote; fix: {FIX}"
        assert refuse(restored, stage, *words) == edited
        path.write_text(text)
        script.write_text(f"# A remark changes nothing, a constant does.\n{code}\nCHANGED = 1\n")
        other = f"{where}: made for other code of {stage}; expected the code that runs; fix: {FIX}"
        assert refuse(restored, stage, *words) == other
    finally:
        path.write_text(text)
        script.write_text(code)


def test_a_constant_that_is_edited_after_resolve_stops_a_training(pipeline: Pipeline) -> None:
    pipeline.edit("src/lineup/training/fit.py", "UNINTERRUPTED = 0.25", "UNINTERRUPTED = 0.3")
    assert "runs/dense.json: made for other code of train;" in refuse(pipeline, "train", "dense")
    assert pipeline.repro("resolve") == ["resolve"]
    done = pipeline.run_stage("train", "dense")
    assert (done.returncode, "kept" in done.stdout) == (0, False), done.stderr


# --- what is in the files ---------------------------------------------------------------------------------


def read_tiny() -> dict[str, Any]:
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(TINY)
    del data["runs"]["coder"]  # with it, a recipe could not have label smoothing
    data["recipes"]["phased"] = {**data["recipes"]["short"], "phases": {"only": {}}}
    data["runs"]["phased"] = {**data["runs"]["dense"], "recipe": "phased"}
    return data


def identify(data: Any, name: str) -> dict[str, str]:
    return dict(Resolver(gather(data), CODE, {}).resolve(name).identity)


def put(data: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """`data` with another value at the dotted `place`."""
    changed = copy.deepcopy(data)
    *path, key = place.split(".")
    entry = changed
    for part in path:
        entry = entry.setdefault(part, {})
    entry[key] = value
    return changed


# Each key of an entry that a run is made of, with a value that it does not have in tests/tiny.yaml.
RECIPE: dict[str, Any] = {
    "epochs": 2, "batch_size": 64, "optimizer": "adamw", "lr": 0.02, "momentum": 0.8, "weight_decay": 0.1,
    "schedule": {"name": "cosine"}, "label_smoothing": 0.1, "ema_decay": 0.9, "patience": 1,
    "checkpoint": "best", "precision": "bf16", "threads": 2, "trainable": "head", "phases": {"only": {}},
}  # fmt: skip
PHASE: dict[str, Any] = {
    "epochs": 2, "optimizer": "adamw", "lr": 0.02, "momentum": 0.8, "weight_decay": 0.1,
    "schedule": {"name": "one_cycle"}, "patience": 1, "trainable": "head", "dropout": 0.2, "layer_decay": 0.5,
}  # fmt: skip
AUGMENT: dict[str, Any] = {
    "flip": "random", "crop": 2, "rotate": 5.0, "shift": [0.1, 0.0], "fill": "border", "cutout": 2,
    "jitter": [0.1, 0.0, 0.0, 0.0],
}  # fmt: skip
SCHEDULES: Mapping[type[BaseModel], list[dict[str, Any]]] = {
    schema.Constant: [{"name": "constant"}],
    schema.Cosine: [{"name": "cosine"}, {"name": "cosine", "warmup": 0.5}],
    schema.OneCycle: [{"name": "one_cycle"}, {"name": "one_cycle", "warmup": 0.5}],
    schema.Plateau: [
        {"name": "plateau", "factor": 0.5, "patience": 1},
        {"name": "plateau", "factor": 0.6, "patience": 1},
        {"name": "plateau", "factor": 0.5, "patience": 2},
        {"name": "plateau", "factor": 0.5, "patience": 1, "floor": 0.001},
    ],
}
MODELS: Mapping[type[BaseModel], tuple[str, dict[str, Any], dict[str, Any]]] = {
    schema.Cnn: (
        "cnn",
        {"layers": ["conv 4", "flatten"]},
        {
            "padding": "valid",
            "batch_norm": "none",
            "activation": "tanh",
            "dropout": 0.1,
            "layers": ["conv 5", "gap"],
        },
    ),
    schema.Fast: ("fast", {"widths": [4]}, {"widths": [8]}),
    schema.Timm: (
        "timm",
        {"arch": "resnet18"},
        {
            "arch": "resnet34",
            "stem": "cifar",
            "input_size": 64,
            "head": "pooled",
            "dropout": 0.1,
            "options": {"a": 1},
        },
    ),
    schema.Torchvision: ("torchvision", {"arch": "alexnet"}, {"arch": "vgg16_bn", "dropout": 0.1}),
    schema.Mlp: ("mlp", {"layers": [16]}, {"layers": [17], "dropout": 0.2}),
    schema.Autoencoder: (
        "autoencoder",
        {"filters": [4, 8], "bottleneck": 4},
        {"filters": [4, 9], "bottleneck": 5, "batch_norm": True},
    ),
}
CODE = Code(ROOT)
ALL = {"training", "train", "evaluate"}


def changed(before: dict[str, Any], after: dict[str, Any], name: str = "runs/dense") -> set[str]:
    one, other = identify(before, name), identify(after, name)
    return {stage for stage in one if one[stage] != other[stage]}


def test_every_key_of_a_recipe_is_part_of_a_training() -> None:
    data = read_tiny()
    assert set(RECIPE) == set(schema.Recipe.model_fields)
    for key, value in RECIPE.items():
        assert changed(data, put(data, f"recipes.short.{key}", value)) == {"training", "train"}, key


def test_every_key_of_a_phase_is_part_of_a_training() -> None:
    data = read_tiny()
    assert set(PHASE) == set(schema.Phase.__annotations__)
    for key, value in PHASE.items():
        after = put(data, f"recipes.phased.phases.only.{key}", value)
        assert changed(data, after, "runs/phased") == {"training", "train"}, key


def test_every_key_of_a_schedule_is_part_of_a_training() -> None:
    assert set(SCHEDULES) == set(get_args(get_args(schema.Schedule)[0]))
    found = []
    for kind, values in SCHEDULES.items():
        assert {key for value in values for key in value} == set(kind.model_fields)
        found += [
            identify(put(read_tiny(), "recipes.short.schedule", value), "runs/dense")["training"]
            for value in values
        ]
    assert len(set(found)) == len(found)


def test_every_key_of_a_model_is_part_of_a_training() -> None:
    families = {family: get_args(models)[1] for family, models in schema.Models.__annotations__.items()}
    assert {kind: family for kind, (family, _, _) in MODELS.items()} == {k: f for f, k in families.items()}
    for kind, (family, spec, others) in MODELS.items():
        assert set(others) == set(kind.model_fields)
        run = {
            "family": family,
            "model": "one",
            "task": "reconstruction" if family == "autoencoder" else "classification",
        }
        data = put(
            put(read_tiny(), f"models.{family}.one", spec), "runs.dense", read_tiny()["runs"]["dense"] | run
        )
        for key, value in others.items():
            assert changed(data, put(data, f"models.{family}.one.{key}", value)) == {"training", "train"}, key


def test_every_key_of_an_augmentation_is_part_of_a_training_and_shown_by_the_evaluation() -> None:
    data = read_tiny()
    assert set(AUGMENT) == set(schema.Augment.model_fields)
    for key, value in AUGMENT.items():
        assert changed(data, put(data, f"augments.none.{key}", value)) == ALL, key


def test_what_else_a_run_depends_on() -> None:
    data = read_tiny()
    data["models"]["mlp"]["wide"] = {"layers": [32]}
    data["augments"]["more"] = {"rotate": 5.0}
    assert set(schema.Runtime.model_fields) == {"device", "channels_last"}
    # An evaluation takes the layout in memory from the record of the model.
    assert changed(data, put(data, "runtime.device", "auto")) == ALL
    assert changed(data, put(data, "runtime.channels_last", False)) == {"training", "train"}
    places = {
        "row": (None, set()),
        # Files of these names: DVC watches them, and a training has their hashes.
        "view": ("other", set()),
        "weights": ("other", set()),
        "task": None,
        "family": None,
        "model": ("wide", {"training", "train"}),
        "augment": ("more", ALL),
        "recipe": ("long", {"training", "train"}),
        "seeds": ([0, 1], {"train"}),
        "tta": ("flip", {"evaluate"}),
    }
    data["views"]["other"], data["weights"]["other"] = data["views"]["digits"], data["weights"]["random"]
    assert set(places) == set(schema.Run.model_fields)
    for key, value in places.items():
        if value:
            assert changed(data, put(data, f"runs.dense.{key}", value[0])) == value[1], key


def test_what_other_stages_depend_on() -> None:
    data = read_tiny()
    values = {
        "dataset": "other", "color": "rgb", "size": 9, "validation": 0.3, "split_seed": 1,
        "normalize": "channel",
    }  # fmt: skip
    assert set(values) == set(schema.View.model_fields)
    data["datasets"]["other"] = data["datasets"]["digits"]
    for key, value in values.items():
        assert changed(data, put(data, f"views.digits.{key}", value), "preprocess/digits") == {
            "preprocess"
        }, key
    own = put(data, "datasets.digits", {"source": "folder", "needs": "images", "size": 8})
    assert changed(data, own, "download/digits") == {"download"}
    for key, value in {"needs": "others", "size": 9}.items():
        assert changed(own, put(own, f"datasets.digits.{key}", value), "download/digits") == {"download"}, key
    data["weights"]["spare"] = data["weights"]["random"]
    tuned = put(data, "weights.spare", {"source": "run", "needs": "models/dense"})
    assert changed(data, tuned, "weights/spare") == {"weights"}
    assert changed(tuned, put(tuned, "weights.spare.needs", "models/long"), "weights/spare") == {"weights"}
    assert changed(data, put(data, "runs.conv.seeds", [0, 1]), "compare") == {"compare", "report"}
    assert changed(data, put(data, "runs.conv.seeds", [0, 1]), "duplicates/digits") == set()


# What is as if it were not there. A value here never changes, or results would pass for those of another
# training. A key is added with the value at which everything is as it was without it.
NEUTRAL: Mapping[type[BaseModel], dict[str, Any]] = {
    schema.Runtime: {"device": "auto", "channels_last": True},
    schema.Augment: {
        "flip": "none", "crop": 0, "rotate": 0.0, "shift": [0.0, 0.0], "fill": "zeros", "cutout": 0,
        "jitter": [0.0, 0.0, 0.0, 0.0],
    },
    schema.Cosine: {"warmup": 0.0},
    schema.OneCycle: {"warmup": 0.0},
    schema.Plateau: {"floor": 0.0},
    schema.Recipe: {
        "weight_decay": 0.0, "schedule": schema.Constant(name="constant"), "label_smoothing": 0.0,
        "ema_decay": 0.0, "patience": 0, "trainable": "all", "phases": {},
    },
    schema.Run: {"tta": "none"},
}  # fmt: skip


def test_neutral_values_are_these() -> None:
    kinds = [kind for kind in vars(schema).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
    assert {kind: found for kind in kinds if (found := find_neutral(kind))} == NEUTRAL
    for kind, values in NEUTRAL.items():
        assert {key: kind.model_fields[key].default for key in values} == values


def test_a_key_at_its_neutral_value_is_as_if_it_were_not_there() -> None:
    data = read_tiny()
    places = {"recipes.short": schema.Recipe, "augments.none": schema.Augment, "runs.dense": schema.Run}
    del data["runtime"]
    for place, kind in {**places, "runtime": schema.Runtime}.items():
        for key, value in NEUTRAL[kind].items():
            plain = value.model_dump() if isinstance(value, BaseModel) else value
            if (place, key) != ("augments.none", "crop"):
                assert changed(data, put(data, f"{place}.{key}", plain)) == set(), f"{place}.{key}"
    for name, values in (("cosine", {}), ("one_cycle", {}), ("plateau", {"factor": 0.5, "patience": 1})):
        before = put(data, "recipes.short.schedule", {"name": name, **values})
        key = "floor" if name == "plateau" else "warmup"
        assert changed(before, put(before, f"recipes.short.schedule.{key}", 0)) == set(), name
    # Declared or not, nothing is done to the images.
    empty = put(data, "augments", {"none": {}})
    assert changed(empty, put(data, "augments", {})) == set()


def test_a_default_that_is_not_neutral_can_be_written_too() -> None:
    data = read_tiny()
    for place, value in {
        "recipes.short.optimizer": "adam",
        "recipes.short.momentum": 0.9,
        "runs.dense.seeds": [0],
    }.items():
        assert changed(data, put(data, place, value)) == set(), place


@pytest.mark.parametrize("section", ["runs", "compare"])
def test_a_stage_gets_the_very_values_that_the_parameters_come_to(section: str) -> None:
    """Through JSON and back, frozen: lists are tuples again."""
    file = ROOT / "params.yaml"
    params, resolver = load(file), Resolver(read_files(file), CODE, {})
    if section == "compare":
        values = parse_resolved(format_resolved(resolver.resolve("compare")), "").settings
        assert make_comparison(values) == resolve_comparison(params)
        return
    for name in params.runs:
        values = parse_resolved(format_resolved(resolver.resolve(f"runs/{name}")), "").settings
        run = make_run(values)
        assert run == resolve_run(params, name)
        assert hash(run.recipe)
