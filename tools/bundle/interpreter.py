"""A Python on the other machine that can run the pipeline: the one that is there, or one made of wheels.

Standard library only: it runs where nothing is installed.
"""

import operator
import os
import re
import shlex
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from lineup.errors import LineupError
from lineup.files import write_text

OLDEST, NEWEST = (3, 11), (3, 13)
COMPARE: dict[str, Callable[[list[int], list[int]], bool]] = {
    ">=": operator.ge,
    "<": operator.lt,
    "==": operator.eq,
}


def prepare_python(folder: Path, requirements: Iterable[str], wheels: Path) -> Path:
    """The folder below `folder` whose `python` meets `requirements`, which are like `dvc>=3.67,<4`.

    Where all is there, that is the running Python. Else it is an environment, made once, that sees what the
    running one has, with what is missing out of `wheels`, without a network. Raises LineupError if that
    cannot be.
    """
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        found = "Python {}.{}".format(*sys.version_info)
        raise LineupError(sys.executable, found, "Python 3.11 to 3.13", "run this with one of them")
    missing = [requirement for requirement in requirements if not is_met(requirement)]
    made = folder / "venv"
    if not missing:
        return _write_launcher(folder / "bin")
    if not (made / ".installed").is_file():
        _require_wheels(missing, wheels)
        print(f"making {made} without a network, for want of {', '.join(missing)}", flush=True)
        _make_environment(made)
        _install(made / "bin/python", missing, wheels)
        write_text(made / ".installed", "\n".join(missing) + "\n")
    return made / "bin"


def is_met(requirement: str) -> bool:
    """Whether a package of that name is installed in a version that `requirement` allows."""
    name, limits = split_requirement(requirement)
    found = next(iter(metadata.distributions(name=name, path=_list_packages())), None)
    version = _numbers(found.version) if found else None
    return version is not None and all(COMPARE[sign](version, _numbers(wanted)) for sign, wanted in limits)


def _list_packages() -> list[str]:
    """The folders of installed packages; what PYTHONPATH adds is left out, since stages do not see it."""
    return [path for path in sys.path if path.endswith("-packages")]


def split_requirement(requirement: str) -> tuple[str, list[tuple[str, str]]]:
    """The name in a requirement like `dvc>=3.67,<4`, and its limits: dvc, [(>=, 3.67), (<, 4)]."""
    match = re.fullmatch(r"([\w.-]+)\s*((?:(?:>=|<|==)\s*[\d.]+[,\s]*)*)", requirement)
    if not match:
        expected = "a name with limits by >=, < or =="
        raise LineupError("pyproject.toml: dependencies", repr(requirement), expected, "write it so")
    return match[1], re.findall(r"(>=|<|==)\s*([\d.]+)", match[2])


def _numbers(version: str) -> list[int]:
    """A version for comparison: 3.0 is 3, and 2.11.0a0+build is 2.11."""
    numbers = [int(number) for number in re.findall(r"\d+", re.sub(r"[^\d.].*", "", version))]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def _write_launcher(folder: Path) -> Path:
    """A `python` that is the running one, which itself may have no program of that name."""
    # Not a link: Python finds its packages by where its program seems to lie.
    write_text(folder / "python", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (folder / "python").chmod(0o755)
    return folder


def _require_wheels(missing: Iterable[str], wheels: Path) -> None:
    """Refuse what is neither installed nor among the wheels, before anything is made."""
    held = {_normalize(path.name.split("-")[0]) for path in wheels.glob("*.whl")}
    lacking = [name for name in missing if _normalize(split_requirement(name)[0]) not in held]
    if lacking:
        expected = "an installed package, or its wheel in the bundle"
        fix = "install it there, or pack with WHEELS=all"
        raise LineupError(", ".join(lacking), "not installed for " + sys.executable, expected, fix)


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _make_environment(folder: Path) -> None:
    """An empty environment that sees the packages of the running Python, an environment itself or not."""
    venv.EnvBuilder(clear=True).create(folder)
    # Its system packages would be those of the Python below, which an environment's own packages are not.
    [packages] = folder.glob("lib/python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})\n" for path in _list_packages()]
    (packages / "outer.pth").write_text("".join(lines), encoding="utf-8")


def _install(python: Path, missing: Iterable[str], wheels: Path) -> None:
    # pip is a wheel of its own: neither the running Python nor ensurepip need have it.
    [pip] = wheels.glob("pip-*.whl")
    words: list[str | Path] = [
        python,
        pip / "pip",
        "install",
        "--quiet",
        "--no-index",
        "--find-links",
        wheels,
        *missing,
    ]
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    done = subprocess.run(words, env=alone, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr[-300:]]
        expected = "wheels for this Python and machine"
        fix = "pack with PYTHON_THERE={}.{} or WHEELS=all".format(*sys.version_info)
        raise LineupError(str(wheels), said[0].removeprefix("ERROR: "), expected, fix)
