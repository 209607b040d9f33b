"""The points of a sweep: params.yaml with one combination of values put in."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from lineup.config.params import check
from lineup.errors import LineupError, nearest
from sweep.figures import refuse_figure
from sweep.schema import SWEEPS, Search, Sweep

PARAMS = Path("params.yaml")


@dataclass(frozen=True)
class Point:
    """One combination: its number from 1, the value of each key, and the params.yaml that it makes.

    overrides: what `dvc exp run --set-param` is given to turn the present params.yaml into that.
    """

    number: int
    values: Mapping[str, JsonValue]
    params: Mapping[str, Any]
    overrides: tuple[str, ...]


def make_points(name: str, sweep: Sweep, params: Mapping[str, Any]) -> list[Point]:
    """Every combination of the values of `sweep`, put into `params`, the content of params.yaml.

    Raises LineupError as `place` does, for a figure that one of them will not have, and for two combinations
    that would train the same.
    """
    where = f"{SWEEPS}: sweeps.{name}"
    points = place(where, "grid", sweep.run, sweep.list_combinations(), params)
    for point in points:
        refuse_figure(where, sweep, point.params)
    if twins := _find_twins(sweep.run, points):
        raise _tell_twins(f"{where}.grid", sweep.run, f"points {twins[0].number} and {twins[1].number}")
    return points


def check_search(name: str, search: Search, params: Mapping[str, Any]) -> None:
    """Raise LineupError as `make_points` does, here for two values of one key that would train the same.

    Tried are all values of each list, and both ends of each range: what is refused once it is chosen has let
    others train before.
    """
    where = f"{SWEEPS}: searches.{name}"
    for key, combinations in search.list_steps().items():
        points = place(where, "space", search.run, combinations, params)
        for point in points:
            refuse_figure(where, search, point.params)
        if twins := _find_twins(search.run, points):
            values = " and ".join(json.dumps(point.values[key]) for point in twins)
            raise _tell_twins(f"{where}.space.{key}", search.run, values)


def place(
    where: str,
    part: str,
    run: str,
    combinations: Sequence[Mapping[str, JsonValue]],
    params: Mapping[str, Any],
) -> list[Point]:
    """A point of `run` for each of `combinations` {key: value}, put into `params`.

    where, part: how messages name the entry and the part of it that combines. A run that waits is moved
    into runs. Raises LineupError for a run or key that params.yaml lacks, and for a value that its schema
    refuses.
    """
    waits = run in params["waiting"]
    base = deepcopy(dict(params))
    if waits:
        entry = base["runs"][run] = base["waiting"].pop(run)
        if entry["weights"] in base["waiting_weights"]:
            base["weights"][entry["weights"]] = base["waiting_weights"].pop(entry["weights"])
    if run not in base["runs"]:
        fix = nearest(run, [*params["runs"], *params["waiting"]])
        raise LineupError(f"{where}.run", f"no run {run!r}", "a run of params.yaml", fix)
    moved = base["weights"].keys() - params["weights"].keys()
    return [
        _place(f"{where}.{part}", run, number, values, base, waits, moved)
        for number, values in enumerate(combinations, start=1)
    ]


def describe_training(params: Mapping[str, Any], run: str) -> dict[str, Any]:
    """All of `params`, the content of a params.yaml, that the results of `run` depend on.

    That is also what the run depends on whose weights it starts from.
    """
    entry = params["runs"][run]
    view, weights = params["views"][entry["view"]], params["weights"][entry["weights"]]
    dataset = params["datasets"][view["dataset"]]
    source = find_source(weights)
    return {
        "runtime": params["runtime"],
        # What is always there says nothing.
        "dataset": {key: value for key, value in dataset.items() if value != "data/params.valid"},
        "view": view,
        "weights": weights,
        **({"from": describe_training(params, source)} if source else {}),
        "family": entry["family"],
        "model": params["models"][entry["family"]][entry["model"]],
        "augment": params["augments"][entry["augment"]],
        "recipe": params["recipes"][entry["recipe"]],
        **{key: entry[key] for key in ("task", "seeds", "tta")},
    }


def find_source(weights: Mapping[str, Any]) -> str | None:
    """The run whose weights an entry of `weights` names, if it names one."""
    return str(weights["needs"]).removeprefix("models/") if weights["source"] == "run" else None


def list_sources(params: Mapping[str, Any], run: str) -> list[str]:
    """`run`, the run that it starts from, the one which that starts from, and so on."""
    source = find_source(params["weights"][params["runs"][run]["weights"]])
    return [run, *(list_sources(params, source) if source else [])]


def _find_twins(run: str, points: Sequence[Point]) -> tuple[Point, Point] | None:
    """The first two of `points` that would train `run` the same."""
    trainings = [describe_training(point.params, run) for point in points]
    for number, training in enumerate(trainings):
        if training in trainings[:number]:
            return points[trainings.index(training)], points[number]
    return None


def _tell_twins(where: str, run: str, twins: str) -> LineupError:
    fix = "remove a value that stands twice, or a key that this run does not use"
    return LineupError(where, f"{twins} train the same", f"keys that run {run} reads", fix)


def _place(
    where: str,
    run: str,
    number: int,
    values: Mapping[str, JsonValue],
    base: Mapping[str, Any],
    waits: bool,
    weights: Iterable[str],
) -> Point:
    params = deepcopy(dict(base))
    for key, value in values.items():
        _put(params, key, value, where)
    check(params, Path(where))
    return Point(number, values, params, tuple(_override(run, values, params, waits, weights)))


def _override(
    run: str, values: Mapping[str, JsonValue], params: Mapping[str, Any], waits: bool, weights: Iterable[str]
) -> Iterator[str]:
    for name in weights:
        yield f"+weights.{name}={_to_hydra(params['weights'][name])}"
        yield f"~waiting_weights.{name}"
    if waits:
        yield f"+runs.{run}={_to_hydra(params['runs'][run])}"
        yield f"~waiting.{run}"
    for key, value in values.items():
        if not (waits and key.startswith(f"runs.{run}.")):
            yield f"{key}={_to_hydra(value)}"


def _put(params: dict[str, Any], key: str, value: JsonValue, where: str) -> None:
    """Replace the value at the dotted `key`, which must be there."""
    *parents, last = key.split(".")
    table: Any = params
    for part in parents:
        table = _find(table, part, f"{where}: {key}")[part]
    _find(table, last, f"{where}: {key}")[last] = value


def _find(table: Any, part: str, where: str) -> dict[str, Any]:
    """`table`, which must be a mapping that has the key `part`."""
    if not isinstance(table, dict) or part not in table:
        fix = nearest(part, table if isinstance(table, dict) else ())
        raise LineupError(where, f"no {part!r} there", "a key of params.yaml", fix)
    return table


def _to_hydra(value: JsonValue) -> str:
    """`value` in the grammar of Hydra's overrides, which `--set-param` takes."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_to_hydra(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_to_hydra, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return json.dumps(value)
