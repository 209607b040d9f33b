"""The figures, and the file that keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Self

from pydantic import PlainSerializer, TypeAdapter, ValidationError

from lineup.files import write_bytes

Figure = Annotated[float, PlainSerializer(lambda figure: round(figure, 4))]


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of the rounds' figures."""

    median: Figure
    minimum: Figure
    maximum: Figure

    @classmethod
    def of(cls, figures: Sequence[float]) -> Self:
        """The spread of `figures`."""
        return cls(median(figures), min(figures), max(figures))

    def __str__(self) -> str:
        digits = ".2f" if self.median < 100 else ",.0f"
        return f"{self.median:{digits}} ({self.minimum:{digits}} to {self.maximum:{digits}})"


@dataclass(frozen=True)
class Result:
    """What the rounds of one benchmark came to; disturbed_rounds is None where the system does not tell."""

    unit: str
    speeds: Mapping[str, Spread]
    ratios: Mapping[str, Spread]
    rounds: int
    repeated_rounds: int
    disturbed_rounds: int | None


@dataclass(frozen=True)
class Report:
    """Results by name, and the environment in which all of them were measured."""

    environment: Mapping[str, str | int]
    results: dict[str, Result]

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_bytes(path, FORM.dump_json(self, indent=2) + b"\n")


FORM = TypeAdapter(Report)


def resume(path: Path | None, environment: Mapping[str, str | int]) -> Report:
    """The report in `path` if its environment is the same; otherwise, and said so, a new one."""
    new = Report(environment, {})
    if not path or not path.exists():
        return new
    try:
        old = FORM.validate_json(path.read_bytes())
    except ValidationError:
        differing = ["version of bench"]
    else:
        keys = {**old.environment, **environment}
        differing = [key for key in keys if old.environment.get(key) != environment.get(key)]
        if not differing:
            return old
    print(f"{path} starts anew: what it has was measured with another {', '.join(differing)}", flush=True)
    return new
