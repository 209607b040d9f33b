"""Run stages on nothing but their declared files, and record what they read of params.yaml.

`python record_reads.py WORKSPACE SANDBOXES` with {stage: {"script", "words", "deps"}} as JSON on stdin.
Prints JSON: {name: {"read": [dotted keys], "spare": [deps without which the stage succeeds]}}.
"""

import json
import os
import runpy
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lineup.config import params


class Reading:
    """A stand-in for a part of the parameters that notes in `log` which values are taken from it."""

    def __init__(self, value: Any, place: str, log: set[str]) -> None:
        self._value, self._place, self._log = value, place, log

    def __getattr__(self, key: str) -> Any:
        return self._take(key, getattr(self._value, key))

    def __getitem__(self, key: str) -> Any:
        return self._take(key, self._value[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def get(self, key: str, default: Any) -> Any:
        return self[key] if key in self._value else default

    def items(self) -> list[tuple[str, Any]]:
        return [(key, self[key]) for key in self._value]

    def values(self) -> list[Any]:
        return [self[key] for key in self._value]

    def model_dump(self, **options: Any) -> Any:
        dumped = self._value.model_dump(**options)
        self._log |= set(list_leaves(dumped, self._place))
        return dumped

    def _take(self, key: str, value: Any) -> Any:
        place = f"{self._place}.{key}".lstrip(".")
        if isinstance(value, BaseModel | dict):
            return Reading(value, place, self._log)
        self._log.add(place)
        return value


def list_leaves(data: Any, place: str = "") -> Iterator[str]:
    """The dotted keys of all values in `data`; an empty mapping is a value."""
    if not isinstance(data, dict) or not data:
        yield place
        return
    for key, value in data.items():
        yield from list_leaves(value, f"{place}.{key}".lstrip("."))


def main(workspace: Path, sandboxes: Path) -> None:
    stages = json.load(sys.stdin)
    found = {name: record(workspace, sandboxes / name, **stage) for name, stage in stages.items()}
    print(json.dumps(found), file=sys.__stdout__)


def record(
    workspace: Path, sandbox: Path, script: str, words: list[str], deps: list[str]
) -> dict[str, list[str]]:
    log: set[str] = set()
    load = params.load
    params.load = lambda *path: Reading(load(*path), "", log)
    copy(workspace, sandbox, ["params.yaml", *deps])
    os.chdir(sandbox)
    run = runpy.run_path(script)["main"]
    run(*words)
    read = sorted(log)
    spare = [dep for dep in deps if succeeds_without(dep, run, words)]
    params.load = load
    return {"read": read, "spare": spare}


def succeeds_without(dep: str, run: Any, words: list[str]) -> bool:
    Path(dep).rename("away")
    try:
        run(*words)
    except Exception:
        return False
    else:
        return True
    finally:
        Path("away").rename(dep)


def copy(workspace: Path, sandbox: Path, names: list[str]) -> None:
    for name in names:
        (sandbox / name).parent.mkdir(parents=True, exist_ok=True)
        place = shutil.copytree if (workspace / name).is_dir() else shutil.copyfile
        place(workspace / name, sandbox / name)


if __name__ == "__main__":
    # What stages print goes to stderr: stdout is for the findings.
    sys.stdout = sys.stderr
    main(Path(sys.argv[1]), Path(sys.argv[2]))
