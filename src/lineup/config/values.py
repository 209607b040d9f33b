"""What a schema has against single values of a YAML file, in a user's words."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lineup.config.problems import Locate
from lineup.config.schema import LAYER
from lineup.errors import LineupError, nearest

Place = tuple[int | str, ...]

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


def explain(
    error: ValidationError, model: type[BaseModel], data: Any, locate: Locate
) -> Iterator[LineupError]:
    """One error for each problem that `model` has with `data`, the content of the files.

    A misspelt key is not missing as well.
    """
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
            yield _explain_one(detail, model, data, locate)


def _explain_one(detail: ErrorDetails, model: type[BaseModel], data: Any, locate: Locate) -> LineupError:
    where = locate(_dotted(detail, data))
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        key = str(detail["loc"][-1])
        return LineupError(where, "missing", "every key without a default", f"add {key}: with a value")
    if kind == "extra_forbidden":
        known = _keys(detail["loc"], model)
        return LineupError(
            where, "unknown key", "a key of the schema", nearest(str(detail["loc"][-1]), known)
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


def _dotted(detail: ErrorDetails, data: Any) -> str:
    """Return the key path of the problem `detail` of `data`, a place in a list as [0].

    The names of union members, which pydantic puts in, are left out.
    """
    path, place = "", detail["loc"]
    for number, part in enumerate(place):
        gap = detail["type"] == "missing" and number == len(place) - 1
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int)
        )
        if part == "[key]" or not (inside or gap):
            continue
        path += f"[{part}]" if isinstance(data, list) else f".{part}"
        data = data[part] if inside else None
    return path.removeprefix(".")


def _keys(place: Place, model: type[BaseModel]) -> list[str]:
    """Return the keys that `model` allows beside the last key of `place`."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for part in place[:-1]:
        node = _resolve(_inner(node, part), schema)
    return list(node["properties"])


def _inner(node: dict[str, Any], part: int | str) -> dict[str, Any]:
    if "discriminator" in node:
        return {"$ref": node["discriminator"]["mapping"][part]}
    if "oneOf" in node:  # told apart by a function, which the JSON schema does not show
        return next(each for each in node["oneOf"] if "$ref" in each)
    if "items" in node:
        return dict(node["items"])
    if part in node.get("properties", {}):
        return dict(node["properties"][part])
    others = (
        [node["additionalProperties"]]
        if "additionalProperties" in node
        else node["patternProperties"].values()
    )
    return dict(next(iter(others)))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return dict(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]) if "$ref" in node else node
