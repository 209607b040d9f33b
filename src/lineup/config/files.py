"""The files of parameters as one: params.yaml, and those that dvc.yaml's `vars` name beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lineup.config.problems import refuse
from lineup.config.yaml import parse, read
from lineup.errors import LineupError

# Entries of these sections have a section of their own around them: models.<family>.<name>.
NESTED = ("models",)


@dataclass(frozen=True)
class Files:
    """The content of all files in one mapping, and which file each entry stands in, by its dotted key."""

    first: Path
    data: Any
    owners: Mapping[str, Path]

    def find_owner(self, key: str) -> Path:
        """The file that the dotted `key` stands in, or would stand in."""
        parts = key.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.owners[prefix] for prefix in prefixes if prefix in self.owners), self.first)

    def locate(self, key: str) -> str:
        """How a message names the dotted `key`: with the file that it stands in."""
        owner = self.find_owner(key)
        return f"{owner}: {key}" if key else str(owner)

    def dump(self) -> dict[str, Any]:
        """As JSON has it."""
        owners = {key: str(path) for key, path in self.owners.items() if path != self.first}
        return {"first": str(self.first), "data": self.data, "owners": owners}

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Self:
        """What `dump` gave."""
        owners = {key: Path(path) for key, path in values["owners"].items()}
        return cls(Path(values["first"]), values["data"], owners)


def read_files(first: Path) -> Files:
    """Read `first`, and the files that a dvc.yaml beside it names. Raises LineupError."""
    data, owners = parse(read(first), first), dict[str, Path]()
    if not isinstance(data, dict):
        return Files(first, data, {})
    owners |= dict.fromkeys(_list_entries(data), first)
    for path in list_others(first.with_name("dvc.yaml")):
        other = parse(read(path), path)
        if not isinstance(other, dict):
            raise LineupError(str(path), "no sections", "sections as params.yaml has them", "mend the file")
        refuse(_find_doubles(other, owners, path))
        owners |= dict.fromkeys(_list_entries(other), path)
        data = _merge(data, other)
    return Files(first, data, owners)


def list_others(pipeline: Path) -> list[Path]:
    """The files of parameters that `pipeline`, a dvc.yaml, names under `vars`; none if it is not there."""
    if not pipeline.exists():
        return []
    return [pipeline.parent / name for name in name_others(parse(read(pipeline), pipeline))]


def name_others(pipeline: Mapping[str, Any]) -> list[str]:
    """The same of the content of a dvc.yaml, as it names them."""
    return [name.partition(":")[0] for name in pipeline.get("vars", []) if isinstance(name, str)]


def _list_entries(data: Mapping[str, Any]) -> Iterator[str]:
    for section, entries in data.items():
        if not isinstance(entries, dict):
            yield str(section)
            continue
        for name, entry in entries.items():
            inner = entry if section in NESTED and isinstance(entry, dict) else None
            yield from (f"{section}.{name}.{each}" for each in inner or ())
            if inner is None:
                yield f"{section}.{name}"


def _find_doubles(data: Mapping[str, Any], owners: Mapping[str, Path], path: Path) -> Iterator[LineupError]:
    for key in _list_entries(data):
        if key in owners:
            yield LineupError(
                f"{path}: {key}", f"also in {owners[key]}", "each entry once", "rename or remove one"
            )


def _merge(data: Any, other: Any) -> Any:
    if not (isinstance(data, dict) and isinstance(other, dict)):
        return other
    return {
        **data,
        **{key: _merge(data[key], value) if key in data else value for key, value in other.items()},
    }
