"""The binary CIFAR archives: records of label bytes and 3,072 pixel bytes (red, green, blue planes)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lineup.data.raw import RawDataset, write_raw
from lineup.errors import LineupError
from lineup.sources.archive import read_members
from lineup.sources.fetch import Remote, fetch

SIDE = 32
PIXELS = 3 * SIDE * SIDE
FIX = "run again, or replace the archive in the mirror"


@dataclass(frozen=True)
class Layout:
    """What an archive holds and how its content is proven.

    train, test: files and their numbers of records; names: the file of class names; labels: number of
    values of each label byte, the last of which is the class; digests: SHA-256 of the sorted records of
    `train` and `test`, and of the class names joined by newlines (`classes`).
    """

    folder: str
    train: Mapping[str, int]
    test: Mapping[str, int]
    names: str
    labels: tuple[int, ...]
    digests: Mapping[str, str]


def save(remote: Remote, layout: Layout, target: Path) -> None:
    """Fetch the archive, check it and write its records to `target`; the download is removed after that.

    Raises LineupError for anything wrong with the archive; a downloaded one is then removed as well.
    """
    archive = fetch(remote)
    try:
        records = read_archive(archive.path, layout, proven=archive.proven)
    except LineupError:
        archive.discard()
        raise
    write_raw(records, target)
    archive.discard()


def read_archive(path: Path, layout: Layout, *, proven: bool) -> RawDataset:
    """Read an archive into canonical order. Unless it is `proven` already, its digests must match."""
    files = [*layout.train, *layout.test, layout.names]
    members = read_members(path, [f"{layout.folder}/{name}" for name in files])
    content = {name: members.pop(f"{layout.folder}/{name}") for name in files}
    classes = _split_names(content[layout.names], layout, path)
    train = _sort_records(content, layout.train, layout.labels, path)
    test = _sort_records(content, layout.test, layout.labels, path)
    if not proven:
        _prove({"train": train, "test": test, "classes": "\n".join(classes).encode()}, layout.digests, path)
    return RawDataset(*_parse(train, layout.labels), *_parse(test, layout.labels), classes=classes)


def _split_names(text: bytes, layout: Layout, path: Path) -> tuple[str, ...]:
    names = tuple(text.decode("utf-8", errors="replace").split())
    if len(names) != layout.labels[-1]:
        where = f"{path} member {layout.names}"
        raise LineupError(where, f"{len(names)} class names", f"{layout.labels[-1]}", FIX)
    return names


def _sort_records(
    content: Mapping[str, bytes], counts: Mapping[str, int], labels: tuple[int, ...], path: Path
) -> bytes:
    size = len(labels) + PIXELS
    records: list[bytes] = []
    for name, count in counts.items():
        data = content[name]
        _check_length(data, count, size, f"{path} member {name}")
        _check_labels(data, labels, f"{path} member {name}")
        records += (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(sorted(records))


def _check_length(data: bytes, count: int, size: int, where: str) -> None:
    if len(data) != count * size:
        whole, rest = divmod(len(data), size)
        raise LineupError(
            where,
            f"{len(data):,} bytes = {whole:,} records of {size:,} bytes and {rest:,} bytes over",
            f"{count:,} records of {size:,} bytes = {count * size:,} bytes",
            FIX,
        )


def _check_labels(data: bytes, labels: tuple[int, ...], where: str) -> None:
    size = len(labels) + PIXELS
    rows = _rows(data, size)
    for column, values in enumerate(labels):
        wrong = np.flatnonzero(rows[:, column] >= values)
        if len(wrong):
            offset = int(wrong[0]) * size + column
            raise LineupError(
                where, f"label byte {data[offset]} at offset {offset:,}", f"0 to {values - 1}", FIX
            )


def _prove(parts: Mapping[str, bytes], digests: Mapping[str, str], path: Path) -> None:
    for name, data in parts.items():
        found = hashlib.sha256(data).hexdigest()
        if found != digests[name]:
            raise LineupError(f"{path} {name}", f"content digest {found}", digests[name], FIX)


def _parse(data: bytes, labels: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Images uint8 [n, 32, 32, 3] and labels int64 [n] of joined records."""
    rows = _rows(data, len(labels) + PIXELS)
    planes = rows[:, len(labels) :].reshape(-1, 3, SIDE, SIDE)
    images = torch.from_numpy(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)))
    return images, torch.from_numpy(rows[:, len(labels) - 1].astype(np.int64))


def _rows(data: bytes, size: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, size)
