"""Archives fetched from the mirror that LINEUP_MIRROR names or, without one, from the official page."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from lineup.errors import LineupError
from lineup.sources.transfer import MissingError, download

FOLDER = Path(".lineup/downloads")
ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")


@dataclass(frozen=True)
class Remote:
    """A file of an official page: its https address, its size in bytes and its checksum."""

    url: str
    size: int
    algorithm: str
    checksum: str

    @property
    def stem(self) -> str:
        """The file's name without any ending."""
        return self.url.rpartition("/")[2].partition(".")[0]


@dataclass(frozen=True)
class Archive:
    """A file at hand. proven: its checksum is the official one; temporary: we downloaded it."""

    path: Path
    proven: bool
    temporary: bool

    def discard(self) -> None:
        """Remove the file if it was downloaded; a file in somebody's mirror stays."""
        if self.temporary:
            self.path.unlink(missing_ok=True)


def fetch(remote: Remote, folder: Path = FOLDER) -> Archive:
    """Get the archive of `remote`, from the mirror if it has one of that name with any compression.

    Downloads are kept in `folder` until discarded, so that one that was cut off is continued. Raises
    LineupError when nothing comes, or when the official page sends other bytes than the pinned ones.
    """
    mirror = os.environ.get("LINEUP_MIRROR", "")
    found = _ask_mirror(mirror, remote.stem, folder) if mirror else None
    return found or _ask_official(remote, folder)


def _ask_mirror(mirror: str, stem: str, folder: Path) -> Archive | None:
    if mirror.startswith(("http://", "https://")):
        return _ask_address(mirror.rstrip("/"), stem, folder)
    if not Path(mirror).is_dir():
        raise LineupError("LINEUP_MIRROR", f"no folder {mirror}", "a folder or a URL", "correct or unset it")
    paths = (Path(mirror) / f"{stem}{ending}" for ending in ENDINGS)
    return next((Archive(path, proven=False, temporary=False) for path in paths if path.is_file()), None)


def _ask_address(mirror: str, stem: str, folder: Path) -> Archive | None:
    for ending in ENDINGS:
        url = f"{mirror}/{stem}{ending}"
        part = _part(url, folder)
        try:
            download(url, part)
        except MissingError:
            continue
        return Archive(part, proven=False, temporary=True)
    return None


def _ask_official(remote: Remote, folder: Path) -> Archive:
    part = _part(remote.url, folder)
    download(remote.url, part, size=remote.size)
    with part.open("rb") as file:
        checksum = hashlib.file_digest(file, remote.algorithm).hexdigest()
    if checksum != remote.checksum:
        part.unlink()
        name = remote.algorithm.upper()
        raise LineupError(
            remote.url, f"{name} {checksum}", remote.checksum, "run again, or use LINEUP_MIRROR"
        )
    return Archive(part, proven=True, temporary=True)


def _part(url: str, folder: Path) -> Path:
    """Where the bytes of `url` are collected: never those of two addresses in one file."""
    return folder / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{url.rpartition('/')[2]}.part"
