"""A folder of parts: files in one compressed tar stream, cut to a size that travels, behind a manifest.

The manifest names each part with its length and SHA-256 and holds facts about the whole, so that whoever
receives the folder can tell what is missing or damaged before using any of it. Standard library only,
since it also runs where nothing is installed.
"""

import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lineup.errors import LineupError
from lineup.files import write_text

MANIFEST = "manifest.json"
NAME = "part-{:03}"
OLD = r"part-\d{3,}"  # whatever else lies in the folder is somebody's
MEGABYTE = 10**6
# Images and weights hardly shrink; a higher level costs time and gains nothing.
COMPRESSION = 1

Content = Path | bytes


@dataclass(frozen=True)
class Part:
    """One file of the stream, as it was when it was written."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The parts in their order, what they hold, and a name that no other content has."""

    id: str
    facts: dict[str, Any]
    parts: list[Part]


def write_parts(members: Iterable[tuple[str, Content]], folder: Path, limit: int, facts: Any) -> Manifest:
    """Write `members` (a path within the archive, and a file or bytes) as parts of at most `limit` bytes.

    `facts` are JSON values. What an earlier call left in `folder` goes; the manifest is written last, so that
    parts without one are unfinished. The same members and facts give the same bytes. Raises LineupError
    when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for old in folder.iterdir():
            if re.fullmatch(OLD, old.name):
                old.unlink()
        with _Cutter(folder, limit) as cutter:
            _write_archive(members, cutter)
    except OSError as error:
        where, found = str(error.filename or folder), error.strerror or str(error)
        raise LineupError(
            where, found, "a writable folder with enough space", "make room, or name another"
        ) from error
    text = json.dumps({"facts": facts, "parts": [asdict(part) for part in cutter.parts]}, indent=1)
    identity = _identify(text)
    write_text(folder / MANIFEST, json.dumps({"id": identity, **json.loads(text)}, indent=1) + "\n")
    return Manifest(identity, facts, cutter.parts)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`. Raises LineupError if it is missing or damaged."""
    path, fix = folder / MANIFEST, "copy it here again, beside the parts"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        content = {"facts": told["facts"], "parts": told["parts"]}
        whole = told["id"] == _identify(json.dumps(content, indent=1))
    except FileNotFoundError as error:
        raise LineupError(str(path), "not there", "the manifest of the parts", fix) from error
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise LineupError(str(path), "damaged", "the manifest as it was written", fix)
    return Manifest(told["id"], told["facts"], [Part(**part) for part in told["parts"]])


def check_parts(folder: Path) -> Manifest:
    """The manifest of `folder`, all of whose parts are whole. Raises LineupError naming the others."""
    manifest = read_manifest(folder)
    missing = [part.name for part in manifest.parts if not (folder / part.name).is_file()]
    here = [part for part in manifest.parts if part.name not in missing]
    damaged = [part.name for part in here if not _is_whole(folder / part.name, part)]
    found = [
        f"{name}: {', '.join(parts)}" for name, parts in (("missing", missing), ("damaged", damaged)) if parts
    ]
    if found:
        expected = f"{len(manifest.parts)} parts as they were written"
        raise LineupError(str(folder), "; ".join(found), expected, "copy these parts here again")
    return manifest


def read_parts(manifest: Manifest, folder: Path, target: Path) -> None:
    """Unpack the parts in `folder` below `target`; call `check_parts` first.

    Raises LineupError for a member that is no plain file or would lie outside, and when the disk is full.
    """
    parts = io.BufferedReader(_Joiner([folder / part.name for part in manifest.parts]))
    try:
        with tarfile.open(fileobj=parts, mode="r|gz") as archive:
            for member in archive:
                _extract(archive, member, target)
    except OSError as error:
        found = f"could not be unpacked ({error.strerror or error})"
        raise LineupError(
            str(target), found, "a writable folder with enough space", "make room and run again"
        ) from error


def list_files(path: Path) -> list[Path]:
    """The file `path`, or every file below the folder `path`, in order; none where nothing is."""
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


class _Cutter(io.RawIOBase):
    """A stream that goes on in the next part when one is full."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit
        self.parts: list[Part] = []
        self._open_next()

    def _open_next(self) -> None:
        self._path = self.folder / NAME.format(len(self.parts))
        self._file, self._digest, self._length = self._path.open("wb"), hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            if self._length == self.limit:
                self._finish_part()
                self._open_next()
            chunk = rest[: self.limit - self._length]
            self._file.write(chunk)
            self._digest.update(chunk)
            self._length += len(chunk)
            rest = rest[len(chunk) :]
        return len(data)

    def _finish_part(self) -> None:
        self._file.close()
        self.parts.append(Part(self._path.name, self._length, self._digest.hexdigest()))

    def close(self) -> None:
        if not self.closed:
            self._finish_part()
        super().close()


class _Joiner(io.RawIOBase):
    """Files read as one."""

    def __init__(self, paths: list[Path]) -> None:
        self._rest = list(paths)
        self._file: io.BufferedReader | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._file is None:
                if not self._rest:
                    return 0
                self._file = self._rest.pop(0).open("rb")
            count = self._file.readinto(buffer)
            if count:
                return count
            self._file.close()
            self._file = None


def _write_archive(members: Iterable[tuple[str, Content]], stream: io.RawIOBase) -> None:
    # Neither times nor owners: the same content gives the same bytes on any day.
    with (
        gzip.GzipFile("", "wb", COMPRESSION, stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for name, content in members:
            with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
                info = tarfile.TarInfo(name)
                info.size = file.seek(0, io.SEEK_END)
                if isinstance(content, Path):
                    info.mode = content.stat().st_mode & 0o755 | 0o600
                file.seek(0)
                archive.addfile(info, file)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    name = PurePosixPath(member.name)
    if not member.isfile() or name.is_absolute() or ".." in name.parts:
        raise LineupError(
            member.name, "no plain file below the folder", "parts made by make bundle", "do not use them"
        )
    path, content = target / name, archive.extractfile(member)
    assert content is not None, "a plain file has content"
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)
    path.chmod(member.mode & 0o755 | 0o600)


def _is_whole(path: Path, part: Part) -> bool:
    if path.stat().st_size != part.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == part.sha256


def _identify(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
