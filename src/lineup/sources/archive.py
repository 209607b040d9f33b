"""Archives: members read straight from a tar file, nothing ever extracted to disk."""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import IO

from lineup.errors import LineupError

MOST_BYTES = 256 * 2**20
MOST_MEMBERS = 100
OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
UNREADABLE = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)


def read_members(
    path: Path, names: Collection[str], *, most_bytes: int = MOST_BYTES, most_members: int = MOST_MEMBERS
) -> dict[str, bytes]:
    """Read the members `names` of a tar file: plain, or compressed with gzip, bzip2 or xz.

    Raises LineupError for a file that is no whole tar archive, a link, a device, a path that leaves the
    archive, a name that comes twice or is missing, more than `most_members` members, or more than
    `most_bytes` once decompressed: no more than these are ever read.
    """
    try:
        with _decompress(path) as stream:
            capped = _Capped(stream, most_bytes, path)
            with tarfile.open(fileobj=capped, mode="r|") as tar:
                return _read(tar, names, most_members, path)
    except UNREADABLE as error:
        raise LineupError(
            str(path),
            f"{path.stat().st_size:,} bytes that cannot be read as an archive ({error})",
            "a whole tar file, plain or compressed with gzip, bzip2 or xz",
            "run again, or replace the file in the mirror",
        ) from error


class _Capped(io.RawIOBase):
    """A stream that refuses to give more than `most` bytes: headers of a tar can be bombs, too.

    In stream mode tarfile asks for small blocks only, so never much more than `most` is in memory.
    """

    def __init__(self, stream: IO[bytes], most: int, path: Path) -> None:
        self._stream, self._most, self._left, self._path = stream, most, most, path

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _refuse(
                self._path, f"more than {self._most:,} bytes once decompressed", "no more than that"
            )
        return data


def _decompress(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        head = file.read(8)
    for magic, opener in OPENERS.items():
        if head.startswith(magic):
            return opener(path, "rb")  # type: ignore[operator, no-any-return]
    return path.open("rb")


def _read(tar: tarfile.TarFile, names: Collection[str], most_members: int, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, member in enumerate(tar, start=1):
        if number > most_members:
            raise _refuse(path, f"more than {most_members} members", "no more than that")
        name = _check(member, path)
        if name in found:
            raise _refuse(path, f"member {member.name!r} twice", "one of each name")
        if name in names and (file := tar.extractfile(member)):
            found[name] = file.read()
    if missing := sorted(set(names) - found.keys()):
        raise _refuse(path, f"no member {missing[0]!r}", "the layout of the official archive")
    return found


def _check(member: tarfile.TarInfo, path: Path) -> str:
    """The member's name without any `./`. Raises LineupError for anything but a file or folder inside."""
    pure = PurePosixPath(member.name)
    if pure.is_absolute() or ".." in pure.parts:
        raise _refuse(path, f"member {member.name!r} leaves the archive", "paths inside it")
    if not (member.isfile() or member.isdir()):
        kind = "a link" if member.issym() or member.islnk() else "a device or other special file"
        raise _refuse(path, f"member {member.name!r} is {kind}", "files and folders only")
    return str(pure)


def _refuse(path: Path, found: str, expected: str) -> LineupError:
    return LineupError(str(path), found, expected, "use the official archive or another mirror")
