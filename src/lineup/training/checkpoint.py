"""The state of an unfinished training on disk, safe against crashes, full disks and flipped bits.

Checkpoints live outside DVC's outs (DVC deletes those before a stage runs), in `.lineup/`, which git and DVC
ignore. Two generations are kept, each behind its own SHA-256.
"""

import fcntl
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from lineup.errors import LineupError
from lineup.files import write_atomic

DIGEST_BYTES = 32


class Checkpoint:
    """The two newest states of one training, of which only those with its fingerprint count."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.older = path.with_suffix(".older")
        self.fingerprint = fingerprint

    def save(self, state: dict[str, Any]) -> None:
        """Write `state`; the generation before it is kept. Raises LineupError when the disk is full."""
        buffer = io.BytesIO()
        torch.save({"fingerprint": self.fingerprint, "state": state}, buffer)
        content = buffer.getvalue()
        if self.path.exists():
            self.path.replace(self.older)
        try:
            write_atomic(self.path, lambda temporary: _write(temporary, content))
        except LineupError as error:
            fix = f"free at least {len(content):,} bytes and run again: training goes on from the one before"
            raise LineupError(
                str(self.path), "a checkpoint could not be written", "enough free space", fix
            ) from error

    def load(self) -> dict[str, Any] | None:
        """The newest state that is whole and of this training; None if there is none."""
        for path in (self.path, self.older):
            content = _read(path)
            if content is None:
                continue
            loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            if loaded["fingerprint"] == self.fingerprint:
                state: dict[str, Any] = loaded["state"]
                return state
            print(
                f"{path}: was made by other parameters, data, code or versions; starting afresh", flush=True
            )
            return None
        return None

    def remove(self) -> None:
        """Forget both generations: the training is finished."""
        self.path.unlink(missing_ok=True)
        self.older.unlink(missing_ok=True)


@contextmanager
def only_trainer(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; raises LineupError if another process trains the same run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            fix = "wait for it or stop it, then run again"
            raise LineupError(
                str(path), "another process trains this run", "one trainer a run", fix
            ) from error
        yield


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(hashlib.sha256(content).digest() + content)


def _read(path: Path) -> bytes | None:
    """What `_write` wrote, or None where there is no file or its bytes have changed."""
    if not path.exists():
        return None
    raw = path.read_bytes()
    digest, content = raw[:DIGEST_BYTES], raw[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() == digest:
        return content
    # Away with it, or the next save would move it over the good generation.
    path.unlink()
    print(f"{path}: damaged, left out", flush=True)
    return None
