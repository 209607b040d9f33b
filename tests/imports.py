"""Which modules of lineup a Python file imports, found in its syntax tree: for types too."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lineup import components

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
STAGES = sorted((ROOT / "stages").glob("*.py"))
MODULES = sorted((SRC / "lineup").rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules of lineup that the file `path` imports itself, wherever in it; a name in one counts too."""
    for node in ast.walk(parse(path)):
        yield from (name for name in static_names(node) if name.split(".")[0] == "lineup")


def static_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        # `identity.code` follows neither.
        assert node.module
        assert node.level == 0
        assert all(alias.name != "*" for alias in node.names)
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def loaded(path: Path) -> Iterator[str]:
    """What the file `path` imports by a name in the parameters: a module, or the package that it is one of.

    Only lineup.components knows how such modules are called, and so the identity can name them all.
    """
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            match node.args:
                case [ast.Name(id=name)]:
                    value = getattr(components, name, None)
                    assert isinstance(value, str), f"{ast.unparse(node)}: not a name of lineup.components"
                    yield value
                case [ast.Call(func=ast.Name(id=name))]:
                    make = getattr(components, name, None)
                    assert callable(make), f"{ast.unparse(node)}: not a function of lineup.components"
                    yield str(make("?")).removesuffix(".?")
                case _:
                    raise AssertionError(f"{ast.unparse(node)} does not go through lineup.components")


def find_file(module: str) -> Path | None:
    """The file of a module or package; None for a name within one."""
    base = SRC.joinpath(*module.split("."))
    return next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(SRC).with_suffix("").parts)
    return name.removesuffix(".__init__")


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
