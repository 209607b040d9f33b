"""Which files of this repository a Python file needs when it runs, found in its syntax tree."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
Choices = Mapping[str, str] | None  # {"lineup.models": "cnn"}; None stands for every module there is


def needed_files(script: Path, choices: Choices) -> set[Path]:
    """`script` and all that it imports of lineup, directly or not, with the modules chosen at run time.

    Left out are `__init__` files that hold only a docstring; added are the data files of packages.
    """
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += [file for module in imported(path, choices) for file in files_of(module)]
    return {path for path in seen | set(data_files(seen)) if not holds_only_docstring(path)}


def imported(path: Path, choices: Choices) -> Iterator[str]:
    """The modules of lineup that the file `path` imports itself, wherever in it."""
    for node in ast.walk(parse(path)):
        yield from (name for name in static_names(node) if name.split(".")[0] == "lineup")
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from chosen(package_of(node.args[0]), choices)


def static_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.module
        assert node.level == 0
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def package_of(argument: ast.expr) -> str:
    """The package before the chosen name, in `import_module(f"lineup.models.{family}")`."""
    assert isinstance(argument, ast.JoinedStr), f"import_module({ast.unparse(argument)}) cannot be followed"
    first = argument.values[0]
    assert isinstance(first, ast.Constant)
    return str(first.value).rstrip(".")


def chosen(package: str, choices: Choices) -> list[str]:
    if choices is not None and package in choices:
        return [f"{package}.{choices[package]}"]
    folder = SRC / package.replace(".", "/")
    return [f"{package}.{path.stem}" for path in folder.iterdir() if is_module(path)]


def is_module(path: Path) -> bool:
    """Whether `path` is a module, or a package with code of its own."""
    return (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()


def files_of(module: str) -> Iterator[Path]:
    """The files that importing `module` runs: its own and those of the packages around it."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        base = SRC.joinpath(*parts[:length])
        yield from (path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file())


def data_files(files: set[Path]) -> Iterator[Path]:
    """Files beside the imported modules that are no modules: a template, for example."""
    for folder in {path.parent for path in files if path.is_relative_to(SRC)}:
        yield from (
            path for path in folder.iterdir() if path.is_file() and path.suffix not in (".py", ".typed")
        )


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(SRC).with_suffix("").parts)
    return name.removesuffix(".__init__")


def holds_only_docstring(path: Path) -> bool:
    if path.name != "__init__.py":
        return False
    return all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in parse(path).body
    )


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
