"""The points of a sweep: the parameters with one combination of values put in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from ask_params import refuse_undeclared
from lineup.config.files import Files
from lineup.config.params import check
from lineup.config.schema import Params
from lineup.errors import LineupError, nearest
from sweep.figures import refuse_figure
from sweep.identity import identify
from sweep.schema import SWEEPS, Search, Sweep


@dataclass(frozen=True)
class Point:
    """One combination: its number from 1, the value of each key, and the parameters that it makes.

    overrides: what `dvc exp run --set-param` is given to turn the present files into these.
    """

    number: int
    values: Mapping[str, JsonValue]
    files: Files
    params: Params
    overrides: tuple[str, ...]


def make_points(name: str, sweep: Sweep, files: Files) -> list[Point]:
    """Every combination of the values of `sweep`, put into the parameters `files`.

    Raises LineupError as `place` does, for a figure that one of them will not have, and for two combinations
    that would train the same.
    """
    where = f"{SWEEPS}: sweeps.{name}"
    points = place(where, "grid", sweep.run, sweep.list_combinations(), files)
    for point in points:
        refuse_figure(where, sweep, point.params)
    if twins := _find_twins(sweep.run, points):
        raise _tell_twins(f"{where}.grid", sweep.run, f"points {twins[0].number} and {twins[1].number}")
    return points


def check_search(name: str, search: Search, files: Files) -> None:
    """Raise LineupError as `make_points` does, here for two values of one key that would train the same.

    Tried are all values of each list, and both ends of each range: what is refused once it is chosen has let
    others train before.
    """
    where = f"{SWEEPS}: searches.{name}"
    for key, combinations in search.list_steps().items():
        points = place(where, "space", search.run, combinations, files)
        for point in points:
            refuse_figure(where, search, point.params)
        if twins := _find_twins(search.run, points):
            values = " and ".join(json.dumps(point.values[key]) for point in twins)
            raise _tell_twins(f"{where}.space.{key}", search.run, values)


def place(
    where: str, part: str, run: str, combinations: Sequence[Mapping[str, JsonValue]], files: Files
) -> list[Point]:
    """A point of `run` for each of `combinations` {key: value}, put into the parameters `files`.

    where, part: how messages name the entry and the part of it that combines. Raises LineupError for a run
    that is not under runs, a key that no entry has, and a value that the schema refuses.
    """
    refuse_undeclared(f"{where}.run", run, files)
    return [
        _place(f"{where}.{part}", number, values, files)
        for number, values in enumerate(combinations, start=1)
    ]


def _find_twins(run: str, points: Sequence[Point]) -> tuple[Point, Point] | None:
    """The first two of `points` that would train `run` the same."""
    identities = [identify(point.files, run) for point in points]
    for number, identity in enumerate(identities):
        if identity in identities[:number]:
            return points[identities.index(identity)], points[number]
    return None


def _tell_twins(where: str, run: str, twins: str) -> LineupError:
    fix = "remove a value that stands twice, or a key that this run does not use"
    return LineupError(where, f"{twins} train the same", f"keys that run {run} reads", fix)


def _place(where: str, number: int, values: Mapping[str, JsonValue], files: Files) -> Point:
    data = deepcopy(files.data)
    for key, value in values.items():
        _put(data, key, value, where)
    placed = replace(files, data=data)
    return Point(number, values, placed, _check(placed, where), tuple(_override(values, files)))


def _check(files: Files, where: str) -> Params:
    """The parameters of a point. Raises LineupError that names the sweep, not the file that it varies."""
    return check(replace(files, first=Path(where), owners={}))


def _override(values: Mapping[str, JsonValue], files: Files) -> Iterator[str]:
    """What turns the present files into a point: `++` sets a key whether or not it is written there."""
    for key, value in values.items():
        owner = files.find_owner(key)
        place = "" if owner == files.first else f"{owner}:"
        if isinstance(value, dict) and isinstance(_get(files.data, key), dict):
            yield f"{place}~{key}"  # else what is written there, and not in `value`, would stay
        yield f"{place}++{key}={_to_hydra(value)}"


def _get(table: Any, key: str) -> Any:
    """What is written at the dotted `key`; None if nothing is."""
    for part in key.split("."):
        table = table.get(part) if isinstance(table, dict) else None
    return table


def _put(data: dict[str, Any], key: str, value: JsonValue, where: str) -> None:
    """Set the value at the dotted `key`, which must be one of an entry that is there."""
    table: Any = data
    for part, inner in pairwise(key.split(".")):
        if not isinstance(table.get(part), dict):
            missing, known = (inner, ()) if part in table else (part, table)
            fix = nearest(missing, known)
            raise LineupError(f"{where}: {key}", f"no {missing!r} there", "a key of the parameters", fix)
        table = table[part]
    table[key.rpartition(".")[2]] = value


def _to_hydra(value: JsonValue) -> str:
    """`value` in the grammar of Hydra's overrides, which `--set-param` takes."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_to_hydra(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_to_hydra, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)
