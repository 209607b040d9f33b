"""params.yaml, read as DVC reads it and checked before anything runs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from lineup.config.schema import LAYER, Cnn, Params, Run, RunWeights, View
from lineup.errors import LineupError

Declared = TypeVar("Declared")

Place = tuple[int | str, ...]

# Which table the values of these keys must be found in; `model` is special, its table depends on the family,
# and so is `weights`, where what waits may name what waits.
RUN_TABLES = {"view": "views", "augment": "augments", "recipe": "recipes"}
EXPECTED = {
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_pattern_mismatch": "a name of letters, digits and underscores",
}
# By how pydantic's names of the problems begin: what to do about one that its value does not tell more of.
STEPS = {
    "greater_than": "raise it",
    "less_than": "lower it",
    "too_short": "add what is missing",
    "too_long": "remove what is too much",
    "finite_number": "write a number",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "bool_type": "write true or false, without quotes",
    "string_type": "write a text, in quotes if it looks like a number",
    "list_type": "write a list: [first, second]",
    "dict_type": "write a mapping: {key: value}",
    "model": "write a mapping: {key: value}",
}


class ParamsError(LineupError):
    """Every problem of a file at once, one a line."""

    def __init__(self, errors: Iterable[LineupError]) -> None:
        Exception.__init__(self, "\n".join(str(error) for error in errors))


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check `path`. Raises LineupError; for several problems ParamsError, one line each."""
    return check(parse(read(path), path), path)


def read(path: Path) -> str:
    """Return the text of `path`, its line ends as they are. Raises LineupError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise LineupError(
            str(path), "not there", "the file of parameters", "run in the repository's root"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise LineupError(str(path), f"cannot be read ({error})", "UTF-8 text", "mend the file") from error


def parse(text: str, path: Path) -> Any:
    """Return what the YAML 1.2 `text` of `path` holds, in plain types. Raises LineupError with the line."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{path} line {mark.line + 1}" if mark else str(path)
        problem = " ".join(str(error.problem or error.context).split())
        twice = re.match(r'found duplicate key "(.*?)"', problem)
        if twice:
            found, fix = f"key {twice[1]} stands twice", "remove or rename one of the two"
            raise LineupError(line, found, "each key once", fix) from error
        raise LineupError(line, problem, "YAML, indented by spaces, no tabs", "mend this line") from error
    except YAMLError as error:
        raise LineupError(str(path), " ".join(str(error).split()), "YAML 1.2", "mend the file") from error


def check(data: Any, path: Path) -> Params:
    """Return the checked parameters that `data`, the content of `path`, holds. Raises LineupError."""
    problems = list(_reference_problems(data, path)) if isinstance(data, dict) else []
    try:
        params = Params.model_validate(data)
    except ValidationError as error:
        refuse([*_schema_problems(error, data, path), *problems])
    refuse(problems or list(_source_problems(params, path)))
    finders = (_size_problems, _normalisation_problems, _warmup_problems)
    refuse(problem for find in finders for problem in find(params, path))
    return params


def check_architectures(params: Params, path: Path = Path("params.yaml")) -> None:
    """Refuse timm models the installed timm does not know; apart from `load`, since timm loads slowly."""
    specs = params.models.get("timm", {})
    if not specs:
        return
    from timm import list_models

    # With a tag, as in resnet18.a1_in1k, a name also says which weights; these are not loaded.
    known = {*list_models(), *list_models(include_tags=True)}
    refuse(
        _unknown(f"models.timm.{name}.arch", spec.arch, known, "a model of timm", path)
        for name, spec in specs.items()
        if spec.arch not in known
    )


def pick(entries: Mapping[str, Declared], name: str, where: str) -> Declared:
    """The entry called `name` of the mapping at `where`. Raises LineupError with the nearest names."""
    if name not in entries:
        found = f"no entry {name!r}"
        raise LineupError(f"params.yaml: {where}", found, "a declared name", nearest(name, entries))
    return entries[name]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean a or b?` for the names that resemble `word`, else `choose one of …`."""
    known = sorted(known)
    close = get_close_matches(word, known, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"choose one of {', '.join(known[:20])}" if known else "declare it first"


def refuse(errors: Iterable[LineupError]) -> None:
    """Raise the one error there is, or ParamsError for several; do nothing without any."""
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ParamsError(found)


def _unknown(where: str, word: str, known: Iterable[str], expected: str, path: Path) -> LineupError:
    return LineupError(f"{path}: {where}", f"unknown name {word!r}", expected, nearest(word, known))


# --- what each value is -------------------------------------------------------------------------------


def _schema_problems(error: ValidationError, data: Any, path: Path) -> Iterator[LineupError]:
    details = error.errors(include_url=False, include_context=True)
    missing = {detail["loc"] for detail in details if detail["type"] == "missing"}
    misspelt: set[Place] = set()
    for detail in details:
        if detail["type"] == "extra_forbidden":
            place = detail["loc"]
            close = get_close_matches(
                str(place[-1]), [str(gap[-1]) for gap in missing if gap[:-1] == place[:-1]], n=1
            )
            misspelt |= {(*place[:-1], name) for name in close}
    for detail in details:
        if detail["loc"] not in misspelt:
            yield _schema_problem(detail, data, path)


def _schema_problem(detail: ErrorDetails, data: Any, path: Path) -> LineupError:
    where = f"{path}: {dotted(detail['loc'], data)}" if detail["loc"] else str(path)
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        key = str(detail["loc"][-1])
        return LineupError(where, "missing", "every key, nothing has a default", f"add {key}: with a value")
    if kind == "extra_forbidden":
        return LineupError(
            where, "unknown key", "a key of the schema", nearest(str(detail["loc"][-1]), _keys(detail["loc"]))
        )
    if kind in ("literal_error", "union_tag_invalid"):
        names = re.findall(
            r"'([^']*)'", str(detail["ctx"].get("expected_tags", detail["ctx"].get("expected")))
        )
        word = detail["ctx"].get("tag", value)
        fix = nearest(word, names) if isinstance(word, str) else f"choose one of {', '.join(names)}"
        return LineupError(where, _shown(word), f"one of {', '.join(names)}", fix)
    return LineupError(where, _shown(value), _expected(detail), _fix(detail))


def _expected(detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    message = detail["msg"].removeprefix("Input should be ").removeprefix("List should have ")
    if detail["type"] == "union_tag_not_found":
        return f"a mapping with the key {detail['ctx']['discriminator'].strip(chr(39))}"
    if detail["type"].startswith(("greater_than", "less_than")):
        message = f"a number {message}"
    return EXPECTED.get(detail["type"], message.split(" after validation")[0])


def _fix(detail: ErrorDetails) -> str:
    """The plain step, where there is one."""
    kind, value = detail["type"], detail["input"]
    if kind in ("float_type", "int_type") and isinstance(value, str):
        return "write a number without quotes"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if kind == "list_type" and isinstance(value, int | float):
        return f"write [{_shown(value)}]"
    if kind == "string_pattern_mismatch" and value:
        return f"use _: {re.sub(r'[^A-Za-z0-9_]', '_', value)}"
    if kind == "value_error":
        return _fix_combination(str(detail["loc"][-1]), value)
    return next((step for start, step in STEPS.items() if kind.startswith(start)), "correct it")


def _fix_combination(key: str, value: Any) -> str:
    """The plain step for a `value` of the right kind that the schema's own checks refuse at `key`."""
    if key == "seeds":
        return "list each seed once"
    if key == "layers":
        wrong = next((layer for layer in value if not LAYER.fullmatch(layer)), None)
        return "move, add or remove one" if wrong is None else _name_layer(wrong)
    return "correct it"


def _name_layer(word: str) -> str:
    """Which layer `word` may mean: its letters, and its last number where that layer has one."""
    letters = "".join(re.findall(r"[a-z]+", word.lower()))
    for kind in get_close_matches(letters, ("conv", "dense", "pool", "dropout", "flatten", "gap"), n=1):
        numbers = re.findall(r"\d+", word) if kind in ("conv", "dense") else []
        layer = " ".join([kind, *numbers[-1:]])
        return f"did you mean {layer}?" if LAYER.fullmatch(layer) else f"write it so: {kind} 32"
    return "choose one of them"


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    text = f"the text {value!r}" if isinstance(value, str) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def dotted(place: Place, data: Any) -> str:
    """Return the key path of `place` in `data`, a place in a list as [0].

    The names of union members, which pydantic puts in, are left out.
    """
    path = ""
    for number, part in enumerate(place):
        last = number == len(place) - 1
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int)
        )
        if part == "[key]" or not (inside or (isinstance(data, dict) and last)):
            continue
        path += f"[{part}]" if isinstance(data, list) else f".{part}"
        data = data[part] if inside else None
    return path.removeprefix(".")


def _keys(place: Place) -> list[str]:
    """Return the keys that the schema allows beside the last key of `place`."""
    schema = Params.model_json_schema()
    node: dict[str, Any] = schema
    for part in place[:-1]:
        node = _resolve(_inner(node, part), schema)
    return list(node["properties"])


def _inner(node: dict[str, Any], part: int | str) -> dict[str, Any]:
    if "discriminator" in node:
        return {"$ref": node["discriminator"]["mapping"][part]}
    if part in node.get("properties", {}):
        return dict(node["properties"][part])
    return dict(next(iter(node["patternProperties"].values())))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return dict(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]) if "$ref" in node else node


# --- what the entries say of each other ------------------------------------------------------------------


def _table(data: Any, *keys: str) -> dict[str, Any]:
    """Return the mapping at `keys`, empty where the file is wrong: the schema reports that."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _reference_problems(data: dict[str, Any], path: Path) -> Iterator[LineupError]:
    for name, view in _table(data, "views").items():
        yield from _reference(f"views.{name}.dataset", view, "datasets", _table(data, "datasets"), path)
    weights, later = _table(data, "weights"), _table(data, "waiting_weights")
    ready = {"runs": weights, "waiting": {**weights, **later}}
    for section in ("runs", "waiting"):
        for name, run in _table(data, section).items():
            for key, table in RUN_TABLES.items():
                yield from _reference(f"{section}.{name}.{key}", run, table, _table(data, table), path)
            yield from _weights_problems(f"{section}.{name}.weights", run, ready[section], later, path)
            family = run.get("family") if isinstance(run, dict) else None
            if isinstance(family, str) and family in _families():
                models = _table(data, "models", family)
                yield from _reference(f"{section}.{name}.model", run, f"models.{family}", models, path)
    for first, second in (("runs", "waiting"), ("weights", "waiting_weights")):
        for name in _table(data, first).keys() & _table(data, second).keys():
            where, expected = f"{path}: {second}.{name}", f"a name in {first} or in {second}"
            yield LineupError(where, f"also in {first}", expected, "remove one of the two")


def _weights_problems(
    where: str, run: Any, ready: dict[str, Any], later: dict[str, Any], path: Path
) -> Iterator[LineupError]:
    word = run.get("weights") if isinstance(run, dict) else None
    if isinstance(word, str) and word in later and word not in ready:
        fix = "move its entry up into weights"
        yield LineupError(f"{path}: {where}", f"{word!r} waits", "a name under weights", fix)
        return
    yield from _reference(where, run, "weights", ready, path)


@cache
def _families() -> list[str]:
    return list(Params.model_json_schema()["$defs"]["Models"]["properties"])


def _reference(
    where: str, entry: Any, table: str, known: dict[str, Any], path: Path
) -> Iterator[LineupError]:
    word = entry.get(where.rsplit(".", 1)[-1]) if isinstance(entry, dict) else None
    if isinstance(word, str) and word not in known:
        yield _unknown(
            where, word, filter(lambda key: isinstance(key, str), known), f"a name under {table}", path
        )


def _size_problems(params: Params, path: Path) -> Iterator[LineupError]:
    for section, runs in (("runs", params.runs), ("waiting", params.waiting)):
        for name, run in runs.items():
            yield from _size_problem(f"{path}: {section}.{name}", run, params)
            yield from _task_problems(f"{path}: {section}.{name}", run, params)


def _size_problem(where: str, run: Run, params: Params) -> Iterator[LineupError]:
    size, augment = params.views[run.view].size, params.augments[run.augment]
    for key, pixels in (("crop", augment.crop), ("cutout", augment.cutout)):
        if pixels >= size:
            found = f"augments.{run.augment}.{key} is {pixels}"
            yield LineupError(where, found, f"less than the {size} pixels of view {run.view}", "lower it")
    if run.family == "cnn" and _last_side(params.models["cnn"][run.model], size) < 1:
        found = f"models.cnn.{run.model} leaves nothing of an image"
        yield LineupError(
            where, found, f"the {size} pixels of view {run.view} to last", "remove a pool or conv"
        )


def _task_problems(where: str, run: Run, params: Params) -> Iterator[LineupError]:
    """What does not fit a run's task: only autoencoders reconstruct, and they know no labels or logits."""
    if (run.task == "reconstruction") != (run.family == "autoencoder"):
        found = f"task {run.task} with family {run.family}"
        yield LineupError(where, found, "reconstruction with an autoencoder, and no other", "change one")
    elif run.task == "reconstruction":
        poolings = len(params.models["autoencoder"][run.model].filters) - 1
        if params.views[run.view].size % 2**poolings:
            found = f"models.autoencoder.{run.model} halves an image {poolings} times"
            expected = f"that to divide the {params.views[run.view].size} pixels of view {run.view}"
            yield LineupError(where, found, expected, "use fewer filters or another view")
        if run.tta != "none":
            yield LineupError(where, f"tta {run.tta}", "none for reconstruction", "set it to none")
        if params.recipes[run.recipe].smoothing:
            found = f"recipes.{run.recipe}.smoothing of labels"
            yield LineupError(where, found, "none for reconstruction", "use a recipe with smoothing 0")


def _source_problems(params: Params, path: Path) -> Iterator[LineupError]:
    """Weights of another run: that run and seed must be there, it must not wait, nor wait for itself."""
    for section, runs in (
        ("weights", params.runs),
        ("waiting_weights", {**params.runs, **params.waiting}),
    ):
        for name, weights in getattr(params, section).items():
            if not isinstance(weights, RunWeights):
                continue
            where = f"{path}: {section}.{name}.needs"
            if weights.run not in runs:
                fix = (
                    f"move these weights to waiting_weights, or `make start RUN={weights.run}`"
                    if weights.run in params.waiting
                    else nearest(weights.run, runs)
                )
                expected = "a run that does not wait" if section == "weights" else "a declared run"
                yield LineupError(where, f"no run {weights.run!r}", expected, fix)
            elif weights.seed not in runs[weights.run].seeds:
                found = f"seed {weights.seed}"
                yield LineupError(where, found, f"a seed of run {weights.run}", "choose another")
            elif _starts_from_itself(params, weights):
                found = f"run {weights.run} starts from itself"
                yield LineupError(where, found, "a run that another one starts from", "choose other weights")


def _starts_from_itself(params: Params, weights: RunWeights) -> bool:
    """Whether the sources of `weights`, and theirs, come round to a run that was there before."""
    runs, table = {**params.waiting, **params.runs}, {**params.waiting_weights, **params.weights}
    seen: list[str] = []
    source: object = weights
    while isinstance(source, RunWeights) and source.run in runs:
        if source.run in seen:
            return True
        seen.append(source.run)
        source = table[runs[source.run].weights]
    return False


def _warmup_problems(params: Params, path: Path) -> Iterator[LineupError]:
    """Phases that would end before the learning rate has risen."""
    for name, recipe in params.recipes.items():
        phases = {f"phases.{key}": phase for key, phase in recipe.phases.items()} or {"": {}}
        for place, phase in phases.items():
            schedule, epochs = phase.get("schedule", recipe.schedule), phase.get("epochs", recipe.epochs)
            if schedule.name == "cosine" and schedule.warmup >= epochs:
                where = ".".join(
                    word for word in (f"{path}: recipes.{name}", place, "schedule.warmup") if word
                )
                found = f"{schedule.warmup:g} epochs of {epochs}"
                yield LineupError(where, found, "less than the epochs", "lower it, or train longer")


def _normalisation_problems(params: Params, path: Path) -> Iterator[LineupError]:
    """Grey views normalised by colours, and views that contradict the run whose weights are taken over.

    All other weights have a record of their normalisation, which training compares.
    """
    for name, view in params.views.items():
        if view.normalize == "imagenet" and view.color == "gray":
            where, found = f"{path}: views.{name}.normalize", "imagenet for grey images"
            yield LineupError(
                where, found, "a normalisation for one channel", "use unit, symmetric or channel"
            )
    runs, table = {**params.waiting, **params.runs}, {**params.waiting_weights, **params.weights}
    for section in ("runs", "waiting"):
        for name, run in getattr(params, section).items():
            weights = table[run.weights]
            if isinstance(weights, RunWeights):
                ours, theirs = params.views[run.view], params.views[runs[weights.run].view]
                where = f"{path}: {section}.{name}.view"
                yield from _view_problem(where, ours, theirs, weights.run)


def _view_problem(where: str, ours: View, theirs: View, run: str) -> Iterator[LineupError]:
    """What a view shows otherwise than that of the run whose weights are taken over, in one line."""
    keys = [key for key in ("color", "normalize") if getattr(ours, key) != getattr(theirs, key)]
    expected, fix = (
        "images as the weights were trained with",
        f"give both views the same {' and '.join(keys)}",
    )
    if not keys and ours.normalize == "channel" and ours.dataset != theirs.dataset:
        keys, fix = (
            ["dataset"],
            "give both views another `normalize`: channel has each dataset's own statistics",
        )
    if keys:
        found = " and ".join(f"{key} {getattr(ours, key)}" for key in keys)
        found += f", the weights of run {run} have {' and '.join(getattr(theirs, key) for key in keys)}"
        yield LineupError(where, found, expected, fix)


def _last_side(cnn: Cnn, size: int) -> int:
    """Return the side that convolutions (3x3) and pools (2x2) leave of `size` pixels."""
    for layer in cnn.layers:
        if layer.startswith("conv") and cnn.padding == "valid":
            size -= 2
        elif layer == "pool":
            size //= 2
    return size
