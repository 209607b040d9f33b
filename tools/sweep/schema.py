"""What sweeps.yaml may hold: grids, searches, and grids that wait for their run."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    JsonValue,
    PositiveInt,
    Tag,
    ValidationError,
    model_validator,
)

from lineup.config.problems import refuse
from lineup.config.schema import Entry, Name
from lineup.config.values import explain
from lineup.config.yaml import parse, read
from lineup.errors import LineupError, nearest

SWEEPS = Path("sweeps.yaml")


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


def name_number(value: object) -> str:
    """Whether `value` is meant to be a whole number; told first, so that a wrong one is refused once."""
    return "whole" if isinstance(value, int) and not isinstance(value, bool) else "other"


Number = Annotated[Annotated[int, Tag("whole")] | Annotated[float, Tag("other")], Discriminator(name_number)]


class Choice(Entry):
    """What sweeps and searches share: the run that is varied, and the figure that chooses."""

    run: Name
    best: Best

    @property
    def metric(self) -> str:
        """The figure of validation that chooses, as metrics/detail/<run>.json names it."""
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

    def list_combinations(self) -> list[dict[str, JsonValue]]:
        """Every combination {key: value}; the values of the last key change first."""
        return [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]


class Range(Entry):
    """Numbers from low to high, whole ones if both are; log: as many below as above the geometric mean."""

    low: Number
    high: Number
    log: bool

    @model_validator(mode="after")
    def refuse_empty(self) -> Self:
        """Refuse a range that holds nothing to choose."""
        if not (self.low < self.high and (self.low > 0 or not self.log)):
            raise ValueError("low below high, and above 0 where log is true")
        return self


def name_kind(values: object) -> str:
    """Which of the two ways to say what is searched `values` is meant to be."""
    return "range" if isinstance(values, dict | Range) else "list"


Inside = Annotated[Annotated[Range, Tag("range")] | Annotated[Values, Tag("list")], Discriminator(name_kind)]


class Search(Choice):
    """searches.<name>: so many `points`, each chosen by what those before it gave."""

    points: PositiveInt
    space: Annotated[dict[str, Inside], Field(min_length=1)]

    @property
    def varied(self) -> list[str]:
        """The keys that have more than one value."""
        return [key for key, each in self.space.items() if isinstance(each, Range) or len(each) > 1]

    def list_steps(self) -> dict[str, list[dict[str, JsonValue]]]:
        """Of each key all values, or both ends of its range, every other key at its first or lowest one."""
        values = {
            key: [each.low, each.high] if isinstance(each, Range) else each
            for key, each in self.space.items()
        }
        first = {key: each[0] for key, each in values.items()}
        return {key: [first | {key: value} for value in each] for key, each in values.items()}

    def list_tried(self, combinations: Sequence[Mapping[str, JsonValue]]) -> Sweep:
        """The sweep whose grid has the values of all `combinations` {key: value}."""
        values: dict[str, list[JsonValue]] = {key: [each[key] for each in combinations] for key in self.space}
        grid = {key: sorted(_distinct(tried), key=_order) for key, tried in values.items()}
        return Sweep(run=self.run, best=self.best, grid=grid)


class Sweeps(Entry):
    """The whole of sweeps.yaml."""

    sweeps: dict[Name, Sweep]
    searches: dict[Name, Search]
    waiting: dict[Name, Sweep]


def load_sweeps(path: Path = SWEEPS) -> Sweeps:
    """Read and check `path`. Raises LineupError; for several problems ParamsError, one line each."""
    data = parse(read(path), path)
    try:
        sweeps = Sweeps.model_validate(data)
    except ValidationError as error:
        refuse(explain(error, Sweeps, data, lambda key: f"{path}: {key}" if key else str(path)))
    refuse(_find_doubles(sweeps, path))
    return sweeps


def pick_sweep(sweeps: Sweeps, name: str) -> Sweep | Search:
    """The sweep or search called `name`. Raises LineupError if there is none, or if it waits."""
    if name in sweeps.waiting:
        run = sweeps.waiting[name].run
        fix = f"declare run {run} under runs, train what it starts from, then move the entry up into sweeps"
        raise LineupError(f"{SWEEPS}: waiting.{name}", "waits", "a sweep under sweeps", fix)
    known: dict[str, Sweep | Search] = {**sweeps.sweeps, **sweeps.searches}
    if name not in known:
        fix = nearest(name, [*known, *sweeps.waiting])
        raise LineupError(f"{SWEEPS}: sweeps.{name}", "not there", "the name of a sweep", fix)
    return known[name]


def _find_doubles(sweeps: Sweeps, path: Path) -> Iterator[LineupError]:
    """Names that two sections have: one of the two entries would never be run."""
    for first, second in (("sweeps", "searches"), ("sweeps", "waiting"), ("searches", "waiting")):
        for name in sorted(getattr(sweeps, first).keys() & getattr(sweeps, second).keys()):
            where, expected = f"{path}: {second}.{name}", f"a name in {first} or in {second}"
            yield LineupError(where, f"also in {first}", expected, "remove one of the two")


def _distinct(values: Sequence[JsonValue]) -> list[JsonValue]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


def _order(value: JsonValue) -> tuple[bool, float, str]:
    """Numbers by size, before all else by its text."""
    number = isinstance(value, int | float)
    return not number, float(value) if isinstance(value, int | float) else 0.0, str(value)
