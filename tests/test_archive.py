import io
import tarfile
from pathlib import Path

import pytest

from lineup.errors import LineupError
from lineup.sources.archive import read_members

Member = tuple[tarfile.TarInfo, bytes]


def a_file(name: str, data: bytes = b"data") -> Member:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info, data


def a_special(name: str, kind: bytes) -> Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "set/a"
    return info, b""


def pack(path: Path, *members: Member, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_members_are_read_from_any_compression(tmp_path: Path, mode: str) -> None:
    members = a_special("set", tarfile.DIRTYPE), a_file("./set/a", b"one"), a_file("set/b"), a_file("set/c")
    path = pack(tmp_path / "archive", *members, mode=mode)
    assert read_members(path, ["set/a", "set/c"]) == {"set/a": b"one", "set/c": b"data"}


@pytest.mark.parametrize("name", ["../evil", "set/../../evil", "/evil"])
def test_a_path_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / "archive", a_file("set/a"), a_file(name))
    with pytest.raises(LineupError, match=rf"archive: member '{name}' leaves the archive; expected"):
        read_members(path, ["set/a"])


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes, word: str) -> None:
    path = pack(tmp_path / "archive", a_file("set/a"), a_special("set/odd", kind))
    with pytest.raises(LineupError, match=f"member 'set/odd' is {word}"):
        read_members(path, ["set/a"])


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "archive", a_file("set/a"), a_file("./set/a", b"else"))
    with pytest.raises(LineupError, match=r"member '\./set/a' twice"):
        read_members(path, ["set/a"])


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    with pytest.raises(LineupError, match="no member 'set/b'"):
        read_members(pack(tmp_path / "archive", a_file("set/a")), ["set/a", "set/b"])


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "archive", *(a_file(f"set/{number}") for number in range(6)))
    with pytest.raises(LineupError, match="more than 5 members"):
        read_members(path, ["set/0"], most_members=5)


@pytest.mark.parametrize("wanted", ["set/a", "set/bomb"])
def test_a_bomb_is_refused(tmp_path: Path, wanted: str) -> None:
    path = pack(tmp_path / "archive", a_file("set/a"), a_file("set/bomb", bytes(10**6)), mode="w:gz")
    assert path.stat().st_size < 10_000
    with pytest.raises(LineupError, match="more than 100,000 bytes once decompressed"):
        read_members(path, [wanted], most_bytes=100_000)


def test_a_bomb_in_a_header_is_refused(tmp_path: Path) -> None:
    info, data = a_file("set/a")
    info.pax_headers = {"comment": "a" * 10**6}
    path = pack(tmp_path / "archive", (info, data), mode="w:gz")
    with pytest.raises(LineupError, match="more than 100,000 bytes once decompressed"):
        read_members(path, ["set/a"], most_bytes=100_000)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_cut_off_archive_is_one_line(tmp_path: Path, mode: str) -> None:
    noise = b"".join(number.to_bytes(3, "big") for number in range(50_000))
    path = pack(tmp_path / "archive", a_file("set/a", noise), mode=mode)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(LineupError, match="bytes that cannot be read as an archive") as caught:
        read_members(path, ["set/a"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x1f\x8bnothing"])
def test_what_is_no_archive_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "archive"
    path.write_bytes(content)
    with pytest.raises(LineupError, match=f"{len(content)} bytes that cannot be read as an archive"):
        read_members(path, ["set/a"])
