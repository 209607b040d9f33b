"""What a training depends on, as one hash: the same hash, the same result."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from lineup.errors import LineupError

# Modules that cannot change a result, so a change in them invalidates nothing: config hands values over
# as they stand in params.yaml (a test proves it), the others print, name files or record versions.
NEUTRAL = ("lineup.config", "lineup.console", "lineup.environment", "lineup.errors", "lineup.files")


def fingerprint(**parts: Any) -> str:
    """SHA-256 over `parts`, which are JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def hash_code() -> dict[str, str]:
    """SHA-256 of the source of every module of lineup that is loaded.

    Taken once, when a training starts: later the files may be those of another commit.
    """
    loaded = {name: module.__file__ for name, module in sys.modules.items() if name.startswith("lineup.")}
    return {
        name: hash_file(Path(file)) for name, file in sorted(loaded.items()) if file and not is_neutral(name)
    }


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises LineupError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LineupError(
            str(path), f"not readable ({error.strerror})", "a file", "run `dvc repro`"
        ) from error


def is_neutral(module: str) -> bool:
    """Whether the module of that name cannot change a result."""
    return any(module == name or module.startswith(f"{name}.") for name in NEUTRAL)
