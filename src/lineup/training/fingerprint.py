"""What a training depends on, as one hash: the same hash, the same result."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

# Modules that cannot change a result, so a change in them invalidates nothing: config hands values over
# as they stand in params.yaml (a test proves it), the others print, name files or record versions.
NEUTRAL = ("lineup.config", "lineup.console", "lineup.environment", "lineup.errors", "lineup.files")


def fingerprint(**parts: Any) -> str:
    """SHA-256 over `parts` (JSON values) and the source of every module of lineup in use."""
    content = json.dumps({"code": _hash_code(), **parts}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_neutral(module: str) -> bool:
    """Whether the module of that name cannot change a result."""
    return any(module == name or module.startswith(f"{name}.") for name in NEUTRAL)


def _hash_code() -> dict[str, str]:
    loaded = {name: module.__file__ for name, module in sys.modules.items() if name.startswith("lineup.")}
    return {
        name: hash_file(Path(file)) for name, file in sorted(loaded.items()) if file and not is_neutral(name)
    }
