"""params.yaml, read as DVC reads it and checked before anything runs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from lineup.config.combinations import find_misfits
from lineup.config.problems import refuse, unknown
from lineup.config.references import find_bad_sources, find_missing
from lineup.config.schema import Params
from lineup.config.values import explain
from lineup.errors import LineupError, nearest

Declared = TypeVar("Declared")


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check `path`. Raises LineupError; for several problems ParamsError, one line each."""
    return check(parse(read(path), path), path)


def read(path: Path) -> str:
    """Return the text of `path`, its line ends as they are. Raises LineupError."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise LineupError(
            str(path), "not there", "a YAML file of the repository", "run in the repository's root"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise LineupError(str(path), f"cannot be read ({error})", "UTF-8 text", "mend the file") from error


def parse(text: str, path: Path) -> Any:
    """Return what the YAML 1.2 `text` of `path` holds, in plain types. Raises LineupError with the line."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{path} line {mark.line + 1}" if mark else str(path)
        problem = " ".join(str(error.problem or error.context).split())
        twice = re.match(r'found duplicate key "(.*?)"', problem)
        if twice:
            found, fix = f"key {twice[1]} stands twice", "remove or rename one of the two"
            raise LineupError(line, found, "each key once", fix) from error
        raise LineupError(line, problem, "YAML, indented by spaces, no tabs", "mend this line") from error
    except (YAMLError, ValueError) as error:  # a date that no calendar has is a ValueError
        raise LineupError(str(path), " ".join(str(error).split()), "YAML 1.2", "mend the file") from error


def check(data: Any, path: Path) -> Params:
    """Return the checked parameters that `data`, the content of `path`, holds. Raises LineupError."""
    problems = list(find_missing(data, path)) if isinstance(data, dict) else []
    try:
        params = Params.model_validate(data)
    except ValidationError as error:
        refuse([*explain(error, Params, data, path), *problems])
    refuse(problems or list(find_bad_sources(params, path)))
    refuse(find_misfits(params, path))
    return params


def check_architectures(params: Params, path: Path = Path("params.yaml")) -> None:
    """Refuse timm models the installed timm does not know; apart from `load`, since timm loads slowly."""
    specs = params.models.get("timm", {})
    if not specs:
        return
    from timm import list_models

    # With a tag, as in resnet18.a1_in1k, a name also says which weights; these are not loaded.
    known = {*list_models(), *list_models(include_tags=True)}
    refuse(
        unknown(f"models.timm.{name}.arch", spec.arch, known, "a model of timm", path)
        for name, spec in specs.items()
        if spec.arch not in known
    )


def pick(entries: Mapping[str, Declared], name: str, where: str) -> Declared:
    """The entry called `name` of the mapping at `where`. Raises LineupError with the nearest names."""
    if name not in entries:
        found = f"no entry {name!r}"
        raise LineupError(f"params.yaml: {where}", found, "a declared name", nearest(name, entries))
    return entries[name]
