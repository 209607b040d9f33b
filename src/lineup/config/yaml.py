"""YAML as DVC reads it: version 1.2, each key once."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from lineup.errors import LineupError


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
