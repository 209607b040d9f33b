import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parameters import FILE, check_data, gather
from ruamel.yaml import YAML

from lineup.config import schema
from lineup.config.files import read_files
from lineup.config.params import check, check_architectures, load
from lineup.config.problems import ParamsError
from lineup.config.yaml import parse
from lineup.errors import LineupError

ROOT = Path(__file__).parents[1]

# Every kind of value: ints where floats are wanted, null, nested lists, options, phases, all schedules.
EVERYTHING = """
runtime: {device: auto, channels_last: true}
datasets: {cifar10: {source: cifar10, needs: data/params.valid}}
views:
  rgb: {dataset: cifar10, color: rgb, size: 32, validation: 0.2, split_seed: 0, normalize: channel}
weights: {random: {source: none, needs: data/params.valid}}
waiting_weights: {}
models:
  cnn:
    d3: {padding: same, batch_norm: all, activation: tanh, dropout: 0, layers: [conv 3, pool, gap]}
  timm:
    resnet18: {arch: resnet18, stem: cifar, input_size: null, head: linear, dropout: 0.5,
               options: {a: [1, .5, x], b: null}}
  mlp:
    wide: {layers: [512, 64], dropout: 0.0}
  autoencoder:
    a6: {filters: [32, 64, 128], bottleneck: 128, batch_norm: false}
augments:
  none: {flip: none, crop: 0, rotate: 15, shift: [0, 0.1], fill: zeros, cutout: 0, jitter: [0, 0.5, 1, 0.5]}
recipes:
  d3:
    epochs: 10
    batch_size: 128
    optimizer: adam
    lr: 1e-4
    momentum: 0.9
    weight_decay: 0
    schedule: {name: cosine, warmup: 1}
    label_smoothing: 0.0
    ema_decay: 0.0
    patience: 0
    checkpoint: last
    precision: bf16
    threads: 2
    trainable: all
    phases:
      head: {epochs: 3, lr: 1, trainable: head, schedule: {name: constant}}
      rest: {schedule: {name: plateau, factor: 0.5, patience: 3, floor: 0}, trainable: 0.25, dropout: 0}
      last: {schedule: {name: one_cycle, warmup: 0.3}, trainable: layer4.1}
reports:
  R:
    rows:
      D3: {what: one, claims: [{metric: test_loss, claimed: 1, split: test, what: early}], fixes: {tta: none}}
      A6: {what: two, claims: [{metric: "", claimed: null, split: "", what: ""}], fixes: {like: [plain]}}
protocols: {plain: {recipe.lr: {above: 0}, recipe.phases: []}}
runs:
  d3: {row: D3, view: rgb, weights: random, task: classification, family: cnn, model: d3, augment: none,
       recipe: d3, seeds: [0, 1, 2], tta: none}
waiting:
  r18: {row: null, view: rgb, weights: random, task: classification, family: timm, model: resnet18,
        augment: none, recipe: d3, seeds: [7], tta: flip}
  a6: {row: A6, view: rgb, weights: random, task: reconstruction, family: autoencoder, model: a6,
       augment: none, recipe: d3, seeds: [0], tta: none}
"""


def everything() -> dict[str, Any]:
    data: dict[str, Any] = parse(EVERYTHING, FILE)
    return data


def changed(place: str, value: Any) -> dict[str, Any]:
    data = everything()
    *parents, last = place.split(".")
    entry = data
    for key in parents:
        entry = entry[key]
    entry[last] = value
    return data


def refusal(data: Any) -> str:
    with pytest.raises(LineupError) as caught:
        check_data(data)
    return str(caught.value)


@pytest.mark.parametrize("name", ["params.yaml", "quickstart/params.yaml", "tests/tiny.yaml"])
def test_what_the_repository_declares_is_handed_over_unchanged(name: str) -> None:
    assert load(ROOT / name).model_dump(exclude_unset=True) == read_files(ROOT / name).data


def plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return type(value) in (str, int, float, bool, type(None))


def test_every_kind_of_value_is_handed_over_unchanged() -> None:
    dumped = check_data(everything()).model_dump()
    assert dumped == YAML(typ="safe").load(EVERYTHING)
    assert plain(dumped)


NUMBERS: dict[str, Callable[[random.Random], float]] = {
    "lr": lambda draw: draw.choice([draw.randint(1, 10**6), draw.uniform(1e-12, 10)]),
    "weight_decay": lambda draw: draw.choice([draw.randint(0, 10**6), draw.uniform(0, 1)]),
    "momentum": lambda draw: draw.choice([0, draw.random()]),
    "label_smoothing": lambda draw: draw.choice([0, draw.random()]),
    "epochs": lambda draw: draw.randint(1, 10**6),
    "patience": lambda draw: draw.randint(0, 10**6),
}


@pytest.mark.parametrize("seed", range(20))
def test_any_numbers_are_handed_over_unchanged(seed: int) -> None:
    draw = random.Random(seed)
    data = everything()
    for key, make in NUMBERS.items():
        data["recipes"]["d3"][key] = make(draw)
    data["augments"]["none"]["jitter"] = [draw.randint(0, 9), draw.random(), 0, draw.uniform(0, 0.5)]
    data["runs"]["d3"]["seeds"] = draw.sample(range(2**32), 5)
    del data["waiting"]["a6"]  # reconstruction refuses label smoothing
    assert check_data(copy.deepcopy(data)).model_dump() == data


def test_exponent_without_a_point_is_a_float() -> None:
    assert check_data(everything()).recipes["d3"].lr == 0.0001


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("recipes.d3.lr", "1e-4", "the text '1e-4'; expected a number; fix: write a number without quotes"),
        ("recipes.d3.lr", float("nan"), "nan; expected a finite number; fix"),
        ("recipes.d3.lr", float("inf"), "inf; expected a finite number; fix"),
        ("recipes.d3.lr", -1, "-1; expected a number greater than 0; fix"),
        ("recipes.d3.lr", True, "true; expected a number; fix"),
        ("recipes.d3.lr", None, "null; expected a number; fix"),
        ("recipes.d3.batch_size", 1, "1; expected a number greater than or equal to 2; fix"),
        ("recipes.d3.batch_size", 1.5, "1.5; expected a whole number; fix"),
        ("recipes.d3.batch_size", True, "true; expected a whole number; fix"),
        ("recipes.d3.phases.head.lr", "1", "the text '1'; expected a number; fix"),
        ("recipes.d3.phases.head.lr", float("nan"), "nan; expected a finite number; fix"),
        ("recipes.d3.trainable", 1.5, "1.5; expected all, head, a layer's name or a fraction"),
        ("recipes.d3.trainable", True, "true; expected all, head, a layer's name or a fraction"),
        (
            "recipes.d3.optimizer",
            "adamm",
            "expected one of sgd, nesterov, adam, adamw, rmsprop, muon, muon_adamw; fix: did you mean adam",
        ),
        ("recipes.d3.schedule", "cosine", "the text 'cosine'; expected a mapping"),
        ("augments.none.flip", 1, "1; expected one of none, random, alternating; fix"),
        ("runtime.channels_last", 1, "1; expected true or false; fix"),
        ("augments.none.shift", [0.1], "[0.1]; expected at least 2 items; fix"),
        (
            "augments.none.jitter",
            [0, 0, 0, 0.6],
            "expected a hue strength (the last one) of at most 0.5, not 0.6",
        ),
        ("views.rgb.size", 7, "7; expected a number greater than or equal to 8; fix"),
        ("models.cnn.d3.layers", ["conv 8", "dense 8"], "expected exactly one flatten or gap, not 0"),
        ("models.cnn.d3.layers", ["gap", "flatten"], "expected exactly one flatten or gap, not 2"),
        ("models.cnn.d3.layers", ["dense 8", "gap"], "expected conv and pool before gap, dense after it"),
        (
            "models.cnn.d3.layers",
            ["flatten", "conv 8"],
            "expected conv and pool before flatten, dense after it",
        ),
        ("models.cnn.d3.layers", ["dropout", "pool", "gap"], "expected each pool straight after a conv"),
        ("models.cnn.d3.layers", ["conv 0", "gap"], "not 'conv 0'"),
        ("models.autoencoder.a6.filters", [32], "[32]; expected at least 2 items; fix"),
        ("models.timm.resnet18.options.a", float("nan"), "nan; expected a finite number; fix"),
        ("models.timm.resnet18.options", {"in_chans": 1}, "expected no in_chans"),
        ("runs.d3.seeds", [], "[]; expected at least 1 item; fix"),
        ("runs.d3.seeds", [1, 1], "expected seeds that differ from each other"),
        ("runs.d3.seeds", 3, "3; expected a list; fix"),
        ("runs.d3.view", "rbg", "unknown name 'rbg'; expected a name under views; fix: did you mean rgb?"),
        ("runs.d3.weights", "randon", "fix: did you mean random?"),
        ("runs.d3.augment", "non", "fix: did you mean none?"),
        ("runs.d3.recipe", "d4", "unknown name 'd4'; expected a name under recipes; fix: choose one of d3"),
        ("runs.d3.family", "cn", "fix: did you mean cnn?"),
        (
            "waiting.r18.model",
            "resnet19",
            "unknown name 'resnet19'; expected a name under models.timm; fix: did you mean resnet18?",
        ),
        (
            "waiting.r18.recipe",
            "zzz",
            "unknown name 'zzz'; expected a name under recipes; fix: choose one of d3",
        ),
        ("views.rgb.dataset", "cifar", "fix: did you mean cifar10?"),
    ],
)
def test_wrong_value_is_refused_with_its_key(place: str, value: Any, expected: str) -> None:
    message = refusal(changed(place, value))
    assert message.startswith(f"params.yaml: {place}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("value", ["3", 1.7, True, -1])
def test_wrong_seed_is_refused_with_its_place(value: Any) -> None:
    assert refusal(changed("runs.d3.seeds", [0, value])).startswith("params.yaml: runs.d3.seeds[1]: ")


def test_a_place_in_a_list_does_not_look_like_a_key() -> None:
    options = changed("models.timm.resnet18.options", {"a": [1, {"b": [float("nan")]}]})
    assert refusal(options).startswith("params.yaml: models.timm.resnet18.options.a[1].b[0]: nan; ")
    assert refusal(changed("augments.none.shift", [0, "0.1"])).startswith(
        "params.yaml: augments.none.shift[1]: "
    )


@pytest.mark.parametrize(
    ("place", "value", "fix"),
    [
        ("recipes.d3.epochs", 10.0, "write 10"),
        ("recipes.d3.epochs", 1.5, "write a whole number"),
        ("recipes.d3.epochs", float("inf"), "write a whole number"),
        ("recipes.d3.epochs", 0, "raise it"),
        ("recipes.d3.momentum", 1, "lower it"),
        ("recipes.d3.lr", None, "write a number"),
        ("runs.d3.seeds", [1, 1], "list each seed once"),
        ("runs.d3.seeds", 3, "write [3]"),
        ("runs.d3.row", 3, "write a text, in quotes if it looks like a number"),
        ("runtime.channels_last", "yes", "write true or false, without quotes"),
        ("models.cnn.d3.layers", ["conv32", "gap"], "did you mean conv 32?"),
        ("models.cnn.d3.layers", ["Conv2d-32", "gap"], "did you mean conv 32?"),
        ("models.cnn.d3.layers", ["gap", "dense256"], "did you mean dense 256?"),
        ("models.cnn.d3.layers", ["maxpool 2", "gap"], "did you mean pool?"),
        ("models.cnn.d3.layers", ["conv", "gap"], "write it so: conv 32"),
        ("models.cnn.d3.layers", ["???", "gap"], "choose one of them"),
        ("models.cnn.d3.layers", ["conv 3"], "move, add or remove one"),
    ],
)
def test_the_plain_step_is_said(place: str, value: Any, fix: str) -> None:
    assert refusal(changed(place, value)).endswith(f"; fix: {fix}")


def test_a_name_that_breaks_dvc_is_said_with_underscores() -> None:
    data = everything()
    data["recipes"]["my-first.one"] = data["recipes"]["d3"]
    assert refusal(data).endswith("; fix: use _: my_first_one")


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(LineupError, match=r"^params\.yaml: day is out of range.*; expected YAML"):
        parse("runs: {d3: {row: 2024-02-30}}\n", FILE)


def test_a_key_that_stands_twice_is_named() -> None:
    with pytest.raises(LineupError) as caught:
        parse("runs:\n  d3: {}\n  e1: {}\n  d3: {}\n", FILE)
    assert str(caught.value) == (
        "params.yaml line 4: key d3 stands twice; expected each key once; "
        "fix: remove or rename one of the two"
    )


@pytest.mark.parametrize(
    ("entry", "wrong", "right"),
    [
        ("recipes.d3", "epoch", "epochs"),
        ("recipes.d3.phases.head", "epoch", "epochs"),
        ("recipes.d3.schedule", "warm", "warmup"),
        ("runs.d3", "seed", "seeds"),
        ("models.timm.resnet18", "arc", "arch"),
        ("models", "cmn", "cnn"),
        ("recipes.d3", "thread", "threads"),
    ],
)
def test_unknown_key_gets_the_nearest_in_one_line(entry: str, wrong: str, right: str) -> None:
    data = everything()
    place = data
    for key in entry.split("."):
        place = place[key]
    if entry != "models":
        place[wrong] = place.pop(right)
    else:
        place[wrong] = {}
    message = refusal(data)
    assert message.startswith(f"params.yaml: {entry}.{wrong}: unknown key; ")
    assert f"did you mean {right}?" in message
    assert "\n" not in message


def test_unknown_section_gets_the_nearest() -> None:
    data = everything()
    data["recipe"] = data.pop("recipes")
    assert (
        "params.yaml: recipe: unknown key; expected a key of the schema; fix: did you mean recipes?"
        in refusal(data)
    )


# Where EVERYTHING has an entry of each kind, with all its keys.
ENTRIES: dict[str, type[schema.Entry]] = {
    "runtime": schema.Runtime,
    "datasets.cifar10": schema.Dataset,
    "views.rgb": schema.View,
    "weights.random": schema.NoWeights,
    "models.cnn.d3": schema.Cnn,
    "models.timm.resnet18": schema.Timm,
    "models.mlp.wide": schema.Mlp,
    "models.autoencoder.a6": schema.Autoencoder,
    "augments.none": schema.Augment,
    "recipes.d3": schema.Recipe,
    "runs.d3": schema.Run,
    "reports.R": schema.Report,
    "reports.R.rows.D3": schema.ReportRow,
}
KEYS = [(place, key) for place, entry in ENTRIES.items() for key in entry.model_fields]


def look_up(values: Any, place: str) -> Any:
    for key in place.split("."):
        values = values[key]
    return values


@pytest.mark.parametrize(("place", "key"), KEYS)
def test_a_key_may_be_left_out_if_it_has_a_default(place: str, key: str) -> None:
    data, field = everything(), ENTRIES[place].model_fields[key]
    del look_up(data, place)[key]
    if key == "source":  # it tells which keys there may be
        assert refusal(data).startswith(
            f"params.yaml: {place}: a mapping; expected a mapping with the key {key};"
        )
    elif field.is_required():
        expected = "missing; expected every key without a default"
        assert refusal(data) == f"params.yaml: {place}.{key}: {expected}; fix: add {key}: with a value"
    else:
        default = field.get_default(call_default_factory=True)
        found = look_up(check_data(data).model_dump(), f"{place}.{key}")
        assert found == ENTRIES[place].model_construct(**{key: default}).model_dump()[key]


@pytest.mark.parametrize("key", schema.Params.model_fields)
def test_a_section_may_be_left_out_if_nothing_needs_it(key: str) -> None:
    data = everything()
    del data["runs"]["d3"]["row"], data["waiting"]["a6"]["row"], data["reports"]["R"]["rows"]["A6"]
    del data[key]
    if schema.Params.model_fields[key].is_required():
        assert f"params.yaml: {key}: missing; " in refusal(data)
    else:
        check_data(data)


def test_a_run_need_not_say_more_than_what_it_is_of() -> None:
    data = everything()
    data["runs"]["d3"] = {
        key: data["runs"]["d3"][key] for key in ("view", "weights", "family", "model", "recipe")
    }
    run = check_data(data).runs["d3"]
    assert (run.row, run.task, run.augment) == (None, "classification", "none")
    assert (run.seeds, run.tta) == ([0], "none")
    del data["augments"]["none"]
    check_data(data)


def test_all_problems_of_a_file_are_listed() -> None:
    data = changed("recipes.d3.lr", -1)
    data["recipes"]["d3"]["epochs"] = True
    data["runs"]["d3"]["view"] = "rbg"
    with pytest.raises(ParamsError) as caught:
        check_data(data)
    places = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert sorted(places) == ["recipes.d3.epochs", "recipes.d3.lr", "runs.d3.view"]


def test_name_in_runs_and_waiting_is_refused() -> None:
    data = everything()
    data["waiting"]["d3"] = data["runs"]["d3"]
    assert refusal(data).startswith("params.yaml: waiting.d3: also in runs; ")


@pytest.mark.parametrize("name", ["vit.tiny", "a@b", "a b", "a/b", "", 3])
def test_names_that_break_dvc_are_refused(name: Any) -> None:
    data = everything()
    data["recipes"][name] = data["recipes"]["d3"]
    message = refusal(data)
    assert message.startswith(f"params.yaml: recipes.{name}: ")
    assert "\n" not in message


def test_sizes_are_checked_against_the_view() -> None:
    assert "augments.none.crop is 32" in refusal(changed("augments.none.crop", 32))
    assert "augments.none.cutout is 40" in refusal(changed("augments.none.cutout", 40))
    deep = ["conv 1", "pool"] * 6 + ["gap"]
    assert "models.cnn.d3 leaves nothing of an image" in refusal(changed("models.cnn.d3.layers", deep))
    data = changed("models.cnn.d3.layers", [*["conv 1"] * 16, "gap"])
    check_data(data)
    data["models"]["cnn"]["d3"]["padding"] = "valid"
    assert "models.cnn.d3 leaves nothing of an image" in refusal(data)


def test_a_warmup_ends_before_its_phase() -> None:
    def warm(epochs: float, phases: dict[str, Any]) -> dict[str, Any]:
        data = changed("recipes.d3.schedule", {"name": "cosine", "warmup": epochs})
        data["recipes"]["d3"]["phases"] = phases
        return data

    assert "recipes.d3.schedule.warmup: 10 epochs of 10;" in refusal(warm(10.0, {}))
    check_data(warm(9.9, {}))
    short = warm(3.0, {"first": {"epochs": 3}, "second": {"epochs": 4}})
    assert "recipes.d3.phases.first.schedule.warmup: 3 epochs of 3;" in refusal(short)


def test_nesterov_has_momentum_in_every_phase() -> None:
    data = changed("recipes.d3.optimizer", "nesterov")
    data["recipes"]["d3"] |= {"momentum": 0.0, "phases": {}}
    assert "recipes.d3.momentum: 0 with nesterov; expected more than 0;" in refusal(data)
    data["recipes"]["d3"]["momentum"] = 0.9
    check_data(data)
    data["recipes"]["d3"]["phases"] = {"head": {}, "all": {"momentum": 0.0}}
    assert "recipes.d3.phases.all.momentum: 0 with nesterov;" in refusal(data)
    data["recipes"]["d3"]["phases"]["all"]["optimizer"] = "sgd"
    check_data(data)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("waiting.a6.task", "classification", "task classification with family autoencoder; expected"),
        ("waiting.r18.task", "reconstruction", "task reconstruction with family timm; expected"),
        ("waiting.a6.tta", "flip", "tta flip; expected none for reconstruction"),
        ("recipes.d3.label_smoothing", 0.1, "recipes.d3.label_smoothing; expected none for reconstruction"),
        ("models.autoencoder.a6.filters", [1] * 7, "halves an image 6 times; expected that to divide the 32"),
    ],
)
def test_a_run_that_does_not_fit_its_task_is_refused(place: str, value: Any, expected: str) -> None:
    message = refusal(changed(place, value))
    assert message.startswith(f"params.yaml: waiting.{'r18' if 'r18' in place else 'a6'}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "data", [None, [], "text", {"runs": 3, "waiting": [], "views": None, "models": {"cnn": 1}}]
)
def test_wrong_shape_of_the_file_is_refused(data: Any) -> None:
    assert all(line.startswith("params.yaml") for line in refusal(data).splitlines())


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: 2\na: 3\n", 3), ("a:\n  b: 1\n\tc: 2\n", 3), ("a: [1,\nb: {\n", 3), ("a: 1\n b: 2\n", 2)],
    ids=["duplicate", "tab", "unclosed", "indent"],
)
def test_broken_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(LineupError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path} line {line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"a: \xff\n", b"a: \x00\n", b""])
def test_unreadable_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(LineupError, match=str(path)):
        load(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LineupError, match="not there"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize("arch", ["resnet18", "resnet18.a1_in1k"])
def test_architectures_are_those_of_timm(arch: str) -> None:
    files = gather(changed("models.timm.resnet18.arch", arch))
    check_architectures(check(files), files.locate)


@pytest.mark.parametrize("arch", ["resnet19", "resnet18.nope", "resnet18."])
def test_what_timm_does_not_know_is_refused(arch: str) -> None:
    files = gather(changed("models.timm.resnet18.arch", arch))
    message = rf"params.yaml: models.timm.resnet18.arch: unknown name '{arch}'.*did you mean resnet"
    with pytest.raises(LineupError, match=message):
        check_architectures(check(files), files.locate)


SOURCE = {"source": "run", "needs": "models/d3", "seed": 1}


def handed_on(section: str, **changes: Any) -> dict[str, Any]:
    """Weights of run d3 (or another) in `section`, named by the waiting run r18."""
    data = everything()
    data[section]["handed"] = {**SOURCE, **changes}
    data["waiting"]["r18"]["weights"] = "handed"
    return data


def test_weights_of_a_run_can_wait_or_be_ready() -> None:
    check_data(handed_on("weights"))
    check_data(handed_on("waiting_weights"))
    check_data(handed_on("waiting_weights", needs="models/a6", seed=0))


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        (
            "weights",
            {"needs": "models/a6"},
            "no run 'a6'; expected a run that does not wait; fix: move these",
        ),
        (
            "waiting_weights",
            {"needs": "models/d4"},
            "no run 'd4'; expected a declared run; fix: choose one of a6, d3, r18",
        ),
        ("weights", {"seed": 5}, "seed 5; expected a seed of run d3"),
        ("waiting_weights", {"needs": "models/r18", "seed": 7}, "run r18 starts from itself"),
        ("weights", {"needs": "data/d3"}, "expected models/ and the name of a run"),
        ("weights", {"source": "ran"}, "'ran'.*did you mean run"),
        ("weights", {"source": "file"}, r"\.safetensors file in this repository"),
    ],
)
def test_weights_of_a_run_name_a_run_that_is_there(
    section: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(LineupError, match=message):
        check_data(handed_on(section, **changes))


def test_weights_of_a_file_have_a_mean_and_a_deviation_a_channel() -> None:
    data = everything()
    data["weights"]["mine"] = {
        "source": "file", "needs": "mine.safetensors", "architecture": "a", "mean": [1.0, 2.0, 3.0],
        "std": [2.0, 2.0, 2.0], "licence": "MIT",
    }  # fmt: skip
    check_data(data)
    data["weights"]["mine"]["std"] = [2.0]
    assert "weights.mine.std: [2.0]; expected as many values as mean has, 3; fix: " in refusal(data)


def test_weights_that_wait_are_not_for_runs_that_do_not() -> None:
    data = handed_on("waiting_weights")
    data["runs"]["d3"]["weights"] = "handed"
    with pytest.raises(LineupError, match=r"runs\.d3\.weights: 'handed' waits; .* fix: move its entry up"):
        check_data(data)


@pytest.mark.parametrize(
    ("changes", "found", "fix"),
    [
        (
            {"normalize": "imagenet"},
            "normalize imagenet, the weights of run d3 have channel",
            "the same normalize",
        ),
        ({"color": "gray"}, "color gray, the weights of run d3 have rgb", "the same color"),
        (
            {"color": "gray", "normalize": "unit"},
            "color gray and normalize unit, the weights of run d3 have rgb and channel",
            "the same color and normalize",
        ),
        (
            {"dataset": "cifar100"},
            "dataset cifar100, the weights of run d3 have cifar10",
            "another `normalize`: channel has each dataset's own statistics",
        ),
    ],
)
def test_a_view_that_contradicts_the_weights_of_a_run_is_refused(
    changes: dict[str, str], found: str, fix: str
) -> None:
    data = handed_on("weights")
    data["datasets"]["cifar100"] = {"source": "cifar100", "needs": "data/params.valid"}
    data["views"]["other"] = {**data["views"]["rgb"], **changes}
    data["waiting"]["r18"]["view"] = "other"
    expected = "images as the weights were trained with"
    place = "params.yaml: waiting.r18.view"
    assert refusal(data) == f"{place}: {found}; expected {expected}; fix: give both views {fix}"


def test_views_may_differ_in_what_weights_do_not_see() -> None:
    data = handed_on("weights")
    data["datasets"]["cifar100"] = {"source": "cifar100", "needs": "data/params.valid"}
    data["views"]["rgb"]["normalize"] = "unit"
    data["views"]["other"] = {**data["views"]["rgb"], "dataset": "cifar100", "size": 64}
    data["waiting"]["r18"]["view"] = "other"
    check_data(data)


def test_grey_images_have_no_statistics_of_imagenet() -> None:
    data = changed("views.rgb.normalize", "imagenet")
    data["views"]["rgb"]["color"] = "gray"
    with pytest.raises(LineupError, match=r"views\.rgb\.normalize: imagenet for grey images"):
        check_data(data)
