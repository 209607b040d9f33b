"""Files that appear whole or not at all, and what they hold as a hash."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from lineup.errors import LineupError


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`.

    The data reaches the disk before the name does, so a reader, or a restart after a crash, sees the
    old file or the new one, never a part. Raises LineupError when the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise LineupError(
            str(path), f"cannot be written ({error.strerror})", "a writable folder", "mend its permissions"
        ) from error
    os.close(descriptor)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except Exception as error:
        # safetensors has an error of its own for a full disk. It is known by name: the program of a bundle
        # runs where that library is not there yet.
        if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
            raise
        raise LineupError(
            str(path),
            f"could not be written ({getattr(error, 'strerror', None) or error})",
            "enough free space",
            "free some and run again",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    write_atomic(path, write)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises LineupError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LineupError(
            str(path), f"not readable ({error.strerror})", "a file", "run `dvc repro`"
        ) from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
