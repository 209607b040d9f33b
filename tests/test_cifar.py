import hashlib
import io
import random
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from local_server import Page, serve

from lineup.data.raw import read_raw
from lineup.errors import LineupError
from lineup.sources import cifar10, cifar100
from lineup.sources.cifar import PIXELS, Layout, read_archive, save
from lineup.sources.fetch import FOLDER, Remote

Files = dict[str, list[bytes]]
NAMES = ["ant", "bee", "cat"]
REMOTE = Remote("https://example.org/tiny-set.tar.gz", 1, "sha256", "")


def digest(parts: list[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(parts))).hexdigest()


def a_set(labels: tuple[int, ...]) -> tuple[Layout, Files]:
    """A tiny data set in the real layout, with two train files, and its true digests."""
    draw = random.Random(0)
    files = {
        name: [bytes(draw.randrange(values) for values in labels) + draw.randbytes(PIXELS) for _ in range(4)]
        for name in ("one.bin", "two.bin", "test.bin")
    }
    digests = {
        "train": digest(files["one.bin"] + files["two.bin"]),
        "test": digest(files["test.bin"]),
        "classes": hashlib.sha256("\n".join(NAMES).encode()).hexdigest(),
    }
    return Layout("tiny", {"one.bin": 4, "two.bin": 4}, {"test.bin": 4}, "names.txt", labels, digests), files


LAYOUT, FILES = a_set((3,))


def pack(path: Path, files: Mapping[str, list[bytes]], names: list[str] = NAMES) -> Path:
    contents = {name: b"".join(records) for name, records in files.items()}
    ending = path.suffix.removeprefix(".").replace("tar", "")
    with tarfile.open(path, f"w:{ending}") as tar:
        for name, data in {**contents, "names.txt": "\n".join([*names, "", ""]).encode()}.items():
            info = tarfile.TarInfo(f"tiny/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def with_record(name: str, index: int, record: bytes) -> Files:
    records = [*FILES[name]]
    records[index] = record
    return {**FILES, name: records}


def test_records_become_images_and_labels_in_canonical_order(tmp_path: Path) -> None:
    records = read_archive(pack(tmp_path / "set.tar", FILES), LAYOUT, proven=False)
    expected = sorted(FILES["one.bin"] + FILES["two.bin"])
    assert records.classes == ("ant", "bee", "cat")
    assert records.train_labels.tolist() == [record[0] for record in expected]
    assert records.train_labels.dtype == torch.int64
    assert records.train_images.shape == (8, 32, 32, 3)
    # The planes of red, green and blue follow each other, each row by row.
    blue, row, column = 2, 5, 7
    byte = 1 + blue * 1024 + row * 32 + column
    assert records.train_images[3, row, column, blue] == expected[3][byte]
    assert records.test_images.shape == (4, 32, 32, 3)


def test_the_last_of_two_label_bytes_is_the_class(tmp_path: Path) -> None:
    layout, files = a_set((2, 3))
    records = read_archive(pack(tmp_path / "set.tar", files), layout, proven=False)
    expected = sorted(files["test.bin"])
    assert records.test_labels.tolist() == [record[1] for record in expected]
    assert records.test_images[0, 0, 0, 0] == expected[0][2]


@pytest.mark.parametrize("ending", ["tar", "gz", "bz2", "xz"])
def test_any_order_and_compression_give_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    train = FILES["one.bin"] + FILES["two.bin"]
    random.Random(1).shuffle(train)
    shuffled = {"test.bin": FILES["test.bin"][::-1], "two.bin": train[:4], "one.bin": train[4:]}
    raw = []
    for number, files in enumerate([FILES, shuffled]):
        mirror = tmp_path / str(number)
        mirror.mkdir()
        packed = pack(mirror / f"set.{ending}", files)
        packed.rename(mirror / f"tiny-set.{'tar' if ending == 'tar' else f'tar.{ending}'}")
        monkeypatch.setenv("LINEUP_MIRROR", str(mirror))
        save(REMOTE, LAYOUT, mirror / "raw")
        raw.append((mirror / "raw").read_bytes())
    assert raw[0] == raw[1]


@pytest.mark.parametrize("name", ["two.bin", "test.bin"])
def test_other_pixels_give_both_digests(tmp_path: Path, name: str) -> None:
    record = FILES[name][2]
    changed = with_record(name, 2, record[:-1] + bytes([record[-1] ^ 1]))
    split = "test" if name == "test.bin" else "train"
    found = digest([record for file in getattr(LAYOUT, split) for record in changed[file]])
    expected = LAYOUT.digests[split]
    path = pack(tmp_path / "set.tar", changed)
    with pytest.raises(LineupError, match=f"{split}: content digest {found}; expected {expected}"):
        read_archive(path, LAYOUT, proven=False)


def test_other_class_names_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.tar", FILES, ["bee", "ant", "cat"])
    with pytest.raises(LineupError, match=f"classes: content digest .* {LAYOUT.digests['classes']}"):
        read_archive(path, LAYOUT, proven=False)


def test_a_proven_archive_needs_no_digest(tmp_path: Path) -> None:
    wrong = replace(LAYOUT, digests={"train": "", "test": "", "classes": ""})
    assert len(read_archive(pack(tmp_path / "set.tar", FILES), wrong, proven=True).train_labels) == 8


@pytest.mark.parametrize("proven", [True, False])
def test_a_label_out_of_range_is_named_with_file_and_offset(tmp_path: Path, proven: bool) -> None:
    changed = with_record("two.bin", 3, b"\x03" + FILES["two.bin"][3][1:])
    path = pack(tmp_path / "set.tar", changed)
    with pytest.raises(LineupError, match=r"member two\.bin: label byte 3 at offset 9,219; expected 0 to 2"):
        read_archive(path, LAYOUT, proven=proven)


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (bytes(PIXELS), "12,291 bytes = 3 records of 3,073 bytes and 3,072 bytes over"),
        (b"", "9,219 bytes = 3 records of 3,073 bytes and 0 bytes over"),
    ],
)
def test_a_wrong_length_shows_the_arithmetic(tmp_path: Path, record: bytes, found: str) -> None:
    path = pack(tmp_path / "set.tar", with_record("one.bin", 0, record))
    with pytest.raises(
        LineupError, match=rf"one\.bin: {found}; expected 4 records of 3,073 bytes = 12,292 bytes"
    ):
        read_archive(path, LAYOUT, proven=True)


def test_a_wrong_number_of_class_names_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.tar", FILES, ["ant", "bee"])
    with pytest.raises(LineupError, match=r"names\.txt: 2 class names; expected 3"):
        read_archive(path, LAYOUT, proven=True)


def test_a_download_goes_when_its_content_is_written_or_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    downloads, target = tmp_path / FOLDER, tmp_path / "raw"
    wrong = pack(tmp_path / "wrong.tar", with_record("test.bin", 0, bytes(1 + PIXELS))).read_bytes()
    with serve() as site:
        monkeypatch.setenv("LINEUP_MIRROR", site.url)
        site.pages["/tiny-set.tar"] = Page(wrong)
        with pytest.raises(LineupError, match="content digest"):
            save(REMOTE, LAYOUT, target)
        assert not target.exists()
        assert list(downloads.iterdir()) == []
        site.pages["/tiny-set.tar"] = Page(pack(tmp_path / "right.tar", FILES).read_bytes())
        save(REMOTE, LAYOUT, target)
    assert len(read_raw(target).test_labels) == 4
    assert list(downloads.iterdir()) == []


@pytest.mark.parametrize("source", [cifar10, cifar100])
def test_the_official_archives_are_pinned_over_https(source: object) -> None:
    assert source.REMOTE.url.startswith("https://")
    assert sum(source.LAYOUT.train.values()) == 50_000
    assert sum(source.LAYOUT.test.values()) == 10_000
    assert {len(value) for value in source.LAYOUT.digests.values()} == {64}
