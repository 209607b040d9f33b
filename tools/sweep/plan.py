"""What sweeps.yaml may hold, and its points: params.yaml with one combination of values put in."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    PositiveInt,
    StrictInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from lineup.config.params import check, parse, read
from lineup.config.problems import ParamsError, nearest
from lineup.config.schema import Entry, Name
from lineup.errors import LineupError

SWEEPS, PARAMS = Path("sweeps.yaml"), Path("params.yaml")


def refuse_test(best: object) -> object:
    """Refuse a figure of test: whoever chooses by it has nothing left to report."""
    if isinstance(best, str) and "test" in best:
        raise ValueError("a figure of validation, since what is chosen on test cannot be reported on test")
    return best


Best = Annotated[
    Literal[
        "highest val_accuracy", "lowest val_loss", "lowest val_mse", "highest val_psnr", "highest val_ssim"
    ],
    BeforeValidator(refuse_test),
]  # fmt: skip


Values = Annotated[list[JsonValue], Field(min_length=1)]


class Choice(Entry):
    """What sweeps and searches share: the run that is varied, and the figure that chooses."""

    run: Name
    best: Best

    @property
    def metric(self) -> str:
        """The figure of validation that chooses, as metrics/runs/<run>.json names it."""
        return self.best.split()[1]

    @property
    def test_metric(self) -> str:
        """The same figure of test, which is only shown."""
        return self.metric.replace("val_", "test_", 1)

    @property
    def sign(self) -> int:
        """1 if a higher figure is better, else -1."""
        return 1 if self.best.startswith("highest") else -1


class Sweep(Choice):
    """sweeps.<name>: every combination of the values of each varied key."""

    grid: Annotated[dict[str, Values], Field(min_length=1)]

    @property
    def varied(self) -> list[str]:
        """The keys that have more than one value."""
        return [key for key, values in self.grid.items() if len(values) > 1]


class Range(Entry):
    """Numbers from low to high, whole ones if both are; log: as many below as above the geometric mean."""

    low: StrictInt | float
    high: StrictInt | float
    log: bool

    @model_validator(mode="after")
    def refuse_empty(self) -> Self:
        """Refuse a range that holds nothing to choose."""
        if not (self.low < self.high and (self.low > 0 or not self.log)):
            raise ValueError("low below high, and above 0 where log is true")
        return self


class Search(Choice):
    """searches.<name>: so many `points`, each chosen by what those before it gave."""

    points: PositiveInt
    space: Annotated[dict[str, Range | Values], Field(min_length=1)]

    @property
    def varied(self) -> list[str]:
        """The keys that have more than one value."""
        return [key for key, each in self.space.items() if isinstance(each, Range) or len(each) > 1]

    def list_ends(self) -> list[dict[str, JsonValue]]:
        """The lowest or first value of everything, and the highest or last."""
        values = {
            key: [each.low, each.high] if isinstance(each, Range) else each
            for key, each in self.space.items()
        }
        return [{key: each[place] for key, each in values.items()} for place in (0, -1)]

    def list_tried(self, points: Sequence["Point"]) -> Sweep:
        """The sweep whose grid has the values of `points`."""
        values: dict[str, list[JsonValue]] = {
            key: [point.values[key] for point in points] for key in self.space
        }
        grid = {key: sorted(_distinct(tried), key=_order) for key, tried in values.items()}
        return Sweep(run=self.run, best=self.best, grid=grid)


class Sweeps(Entry):
    """The whole of sweeps.yaml."""

    sweeps: dict[Name, Sweep]
    searches: dict[Name, Search]
    waiting: dict[Name, Sweep]


@dataclass(frozen=True)
class Point:
    """One combination: its number from 1, the value of each key, and the params.yaml that it makes.

    overrides: what `dvc exp run --set-param` is given to turn the present params.yaml into that.
    """

    number: int
    values: Mapping[str, JsonValue]
    params: Mapping[str, Any]
    overrides: tuple[str, ...]


def load_sweeps(path: Path = SWEEPS) -> Sweeps:
    """Read and check `path`. Raises LineupError; for several problems ParamsError, one line each."""
    try:
        return Sweeps.model_validate(parse(read(path), path))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        raise ParamsError(_explain(detail, path) for detail in details) from error


def pick_sweep(sweeps: Sweeps, name: str) -> Sweep | Search:
    """The sweep or search called `name`. Raises LineupError if there is none, or if it waits."""
    if name in sweeps.waiting:
        run = sweeps.waiting[name].run
        fix = (
            f"declare run {run} in {PARAMS} and train what it starts from, then move the entry up into sweeps"
        )
        raise LineupError(f"{SWEEPS}: waiting.{name}", "waits", "a sweep under sweeps", fix)
    known: dict[str, Sweep | Search] = {**sweeps.sweeps, **sweeps.searches}
    if name not in known:
        fix = nearest(name, [*known, *sweeps.waiting])
        raise LineupError(f"{SWEEPS}: sweeps.{name}", "not there", "the name of a sweep", fix)
    return known[name]


def make_points(name: str, sweep: Sweep, params: Mapping[str, Any]) -> list[Point]:
    """Every combination of the values of `sweep`, put into `params`, the content of params.yaml.

    Raises LineupError as `place` does, and for two combinations that would train the same.
    """
    where = f"{SWEEPS}: sweeps.{name}"
    combinations = [dict(zip(sweep.grid, values, strict=True)) for values in product(*sweep.grid.values())]
    points = place(where, "grid", sweep.run, combinations, params)
    read_by = [describe_training(point.params, sweep.run) for point in points]
    for number, training in enumerate(read_by):
        if training in read_by[:number]:
            found = f"points {read_by.index(training) + 1} and {number + 1} train the same"
            fix = "remove a value that stands twice, or a key that this run does not use"
            raise LineupError(f"{where}.grid", found, f"keys that run {sweep.run} reads", fix)
    return points


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
    """All of `params`, the content of a params.yaml, that the results of `run` depend on."""
    entry = params["runs"][run]
    view = params["views"][entry["view"]]
    return {
        "runtime": params["runtime"],
        "dataset": params["datasets"][view["dataset"]],
        "view": view,
        "weights": params["weights"][entry["weights"]],
        "family": entry["family"],
        "model": params["models"][entry["family"]][entry["model"]],
        "augment": params["augments"][entry["augment"]],
        "recipe": params["recipes"][entry["recipe"]],
        **{key: entry[key] for key in ("task", "seeds", "tta")},
    }


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


def _distinct(values: Sequence[JsonValue]) -> list[JsonValue]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


def _order(value: JsonValue) -> tuple[bool, float, str]:
    """Numbers by size, before all else by its text."""
    number = isinstance(value, int | float)
    return not number, float(value) if isinstance(value, int | float) else 0.0, str(value)


def _explain(detail: ErrorDetails, path: Path) -> LineupError:
    place = [str(part) for part in detail["loc"] if part != "[key]"]
    where, kind = f"{path}: {'.'.join(place)}" if place else str(path), detail["type"]
    if kind == "missing":
        return LineupError(
            where, "missing", "every key, nothing has a default", f"add {place[-1]}: with a value"
        )
    if kind == "extra_forbidden":
        kind_of = {"searches": Search}.get(place[0], Sweep)
        known = (kind_of if len(place) > 1 else Sweeps).model_fields
        return LineupError(where, "unknown key", "a key of the schema", nearest(place[-1], known))
    if kind == "literal_error":
        expected = detail["ctx"]["expected"].replace("'", "")
        names = expected.replace(" or ", ", ").split(", ")
        return LineupError(
            where, repr(detail["input"]), f"one of {expected}", nearest(str(detail["input"]), names)
        )
    expected = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return LineupError(where, repr(detail["input"])[:80], expected, "correct it")
