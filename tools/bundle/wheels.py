"""What the other machine lacks: wheels of DVC and the rest, at our pins, for its Python and processor."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lineup.errors import LineupError

# What a machine for training has; the rest of pyproject.toml's dependencies, and theirs, are taken along.
HELD = {
    "matplotlib",
    "numpy",
    "pandas",
    "pillow",
    "scikit-learn",
    "scipy",
    "timm",
    "torch",
    "torchvision",
}
# Systems with glibc 2.28 or newer: all that torch supports.
GLIBC = range(28, 4, -1)
LINUX = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
}


def read_requirements(project: Path) -> list[str]:
    """What pyproject.toml asks for."""
    with project.open("rb") as file:
        dependencies: list[str] = tomllib.load(file)["project"]["dependencies"]
    return dependencies


def choose_wheels(
    requirements: Iterable[str], pins: Path, python: str, machine: str, held: set[str]
) -> list[str]:
    """The pinned packages `name==version` that `requirements` come to on Python `python`, such as 3.12.

    What `requirements` need in turn is read from what is installed here; `held` and what only they need is
    left out. Raises LineupError for a package that the file `pins` does not have.
    """
    marks = {
        **LINUX,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": machine,
    }
    versions, wanted, seen = read_pins(pins, marks), set[str](), set[tuple[str, str]]()
    queue = [Requirement(text) for text in requirements]
    while queue:
        needed = queue.pop()
        name = canonicalize_name(needed.name)
        for extra in {"", *needed.extras}:
            if name in held or (name, extra) in seen:
                continue
            seen.add((name, extra))
            wanted.add(name)
            queue += _needs(name, {**marks, "extra": extra})
    unknown = sorted(wanted - versions.keys())
    if unknown:
        raise LineupError(
            str(pins),
            f"no {', '.join(unknown)}",
            "a pin of each package",
            "make requirements.txt, then install it",
        )
    return sorted(f"{name}=={versions[name]}" for name in wanted)


def _needs(name: str, marks: Mapping[str, str]) -> Iterator[Requirement]:
    try:
        texts = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return  # only other Pythons need it: the pins hold it, with what it needs in turn
    for text in texts:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate(dict(marks)):
            yield requirement


def read_pins(path: Path, marks: Mapping[str, str]) -> dict[str, str]:
    """The version of each package that a file of pins holds for the environment `marks`."""
    lines = re.findall(r"^[\w.-]+==.*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    pins = [pin for pin in map(Requirement, lines) if pin.marker is None or pin.marker.evaluate(dict(marks))]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def download_wheels(packages: Iterable[str], python: str, machine: str, folder: Path) -> None:
    """Download the wheels of `packages` and of pip into `folder`.

    A package published as source alone is built here, which gives a wheel for any machine or is refused.
    Raises LineupError, also when pip fails.
    """
    tags = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC] + [
        f"manylinux2014_{machine}",
        f"linux_{machine}",
    ]
    platforms = [word for tag in tags for word in ("--platform", tag)]
    target = ["--python-version", python, "--implementation", "cp", *platforms]
    _pip(
        "download", "--no-deps", *target, "--dest", str(folder), *packages, f"pip=={metadata.version('pip')}"
    )
    for source in [path for path in folder.iterdir() if path.suffix != ".whl"]:
        _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
        source.unlink()
    for wheel in folder.iterdir():
        if not re.search(rf"-(any|.*manylinux.*_{machine})\.whl", wheel.name):
            fix = "choose another PYTHON_THERE, or WHEELS=none"
            raise LineupError(
                wheel.name, "built for this machine", f"a wheel for Python {python}, {machine}", fix
            )


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr[-300:]]
        found = said[-1].removeprefix("ERROR: ")
        raise LineupError(f"pip {words[0]}", found, "a package registry", "mend that, or choose WHEELS=none")
