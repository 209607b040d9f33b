"""The code that a stage reaches, as one hash: equal hashes, code of the same meaning."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from lineup.errors import LineupError
from lineup.identity.syntax import Module, parse_module

PACKAGE = "lineup"
DATA = (".html",)  # files beside modules that these read: a template, for example


class Code:
    """The code of a checkout: scripts in `stages`, and the library in `src`; each file is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, Module] = {}
        self._next: dict[str, frozenset[str]] = {}

    def reach(self, stage: str, chosen: Iterable[str] = ()) -> dict[str, str]:
        """The meaning of all that a stage runs: {path below root: hash}, in order of the paths.

        chosen: modules that the stage loads by names in the parameters, as `lineup.models.cnn`, where an
        import statement cannot say so. Raises LineupError if a file is missing or is no Python.
        """
        found: set[str] = set()
        waiting = {f"stages/{stage}.py", *(file for name in chosen for file in self._find(name))}
        while waiting:
            found |= waiting
            waiting = {file for name in waiting for file in self._follow(name)} - found
        return {name: digest for name in sorted(found) if (digest := self._digest(name))}

    @cached_property
    def _files(self) -> frozenset[str]:
        """The paths of the library below root."""
        return frozenset(path.relative_to(self.root).as_posix() for path in (self.root / "src").rglob("*"))

    def _digest(self, name: str) -> str | None:
        """The meaning of a file; None for a module that has none, as a package with a docstring alone."""
        if name.endswith(DATA):
            return hashlib.sha256((self.root / name).read_bytes()).hexdigest()
        module = self._read(name)
        return None if module.empty else module.digest

    def _follow(self, name: str) -> frozenset[str]:
        """The files that a module imports, and the data beside it."""
        if name.endswith(DATA):
            return frozenset()
        if name not in self._next:
            folder = name.rpartition("/")[0]
            data = {each for each in self._files if each.endswith(DATA) and each.rpartition("/")[0] == folder}
            imports = (
                f"{each.module}.{each.name}" if each.name else each.module
                for each in self._read(name).imports
                if each.module.split(".")[0] == PACKAGE
            )
            self._next[name] = frozenset(data.union(*(self._find(each) for each in imports)))
        return self._next[name]

    def _find(self, name: str) -> Iterator[str]:
        """The files that importing `name` runs: its own and those of the packages around it."""
        base = "src"
        for part in name.split("."):
            base = f"{base}/{part}"
            yield from (path for path in (f"{base}/__init__.py", f"{base}.py") if path in self._files)

    def _read(self, name: str) -> Module:
        if name not in self._modules:
            try:
                text = (self.root / name).read_text(encoding="utf-8")
                self._modules[name] = parse_module(text, keep_imports=name.endswith("__init__.py"))
            except (OSError, SyntaxError, ValueError) as error:
                found = f"not readable ({error})"
                raise LineupError(name, found, "a module of Python", "restore or mend it") from error
        return self._modules[name]


def combine(hashes: Mapping[str, str]) -> str:
    """One hash of the meaning of several files {path: hash}, wherever they lie."""
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(hashes.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
