import io
import json
import tarfile
from pathlib import Path

import pytest

from bundle.parts import Manifest, check_parts, list_files, read_manifest, read_parts, write_parts
from lineup.errors import LineupError

LIMIT = 1000
FACTS = {"kind": "test", "runs": ["a"]}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path | bytes]:
    """Content that compression cannot shrink, a program, and bytes that are no file."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "noise").write_bytes(bytes((i * i * 7 + i // 251) % 256 for i in range(4000)))
    (source / "run").write_text("#!/bin/sh\n")
    (source / "run").chmod(0o755)
    return {"a/noise": source / "noise", "run": source / "run", "bytes": b"content", "empty": b""}


@pytest.fixture
def parts(files: dict[str, Path | bytes], tmp_path: Path) -> Path:
    write_parts(files.items(), tmp_path / "parts", LIMIT, FACTS)
    return tmp_path / "parts"


def test_files_come_back_as_they_were(files: dict[str, Path | bytes], parts: Path, tmp_path: Path) -> None:
    manifest = check_parts(parts)
    assert manifest.facts == FACTS
    assert len(manifest.parts) > 2
    assert {part.bytes for part in manifest.parts[:-1]} == {LIMIT}
    read_parts(manifest, parts, tmp_path / "back")
    back = {
        str(path.relative_to(tmp_path / "back")): path.read_bytes() for path in list_files(tmp_path / "back")
    }
    assert back == {
        name: content if isinstance(content, bytes) else content.read_bytes()
        for name, content in files.items()
    }
    assert (tmp_path / "back/run").stat().st_mode & 0o111
    assert not (tmp_path / "back/a/noise").stat().st_mode & 0o111


def test_the_same_content_gives_the_same_parts(
    files: dict[str, Path | bytes], parts: Path, tmp_path: Path
) -> None:
    assert write_parts(files.items(), tmp_path / "again", LIMIT, FACTS) == check_parts(parts)
    assert write_parts(files.items(), tmp_path / "other", LIMIT, {}).id != check_parts(parts).id


def test_a_shorter_bundle_leaves_no_old_parts_and_what_is_not_its_own(parts: Path) -> None:
    (parts / "part-time.txt").write_text("somebody's")
    (parts / "part-1000").touch()
    write_parts([("a", b"a")], parts, LIMIT, FACTS)
    assert {path.name for path in parts.iterdir()} == {"part-000", "manifest.json", "part-time.txt"}


def test_missing_and_damaged_parts_are_named_in_one_line(parts: Path) -> None:
    (parts / "part-001").unlink()
    damaged = bytearray((parts / "part-000").read_bytes())
    damaged[500] ^= 1
    (parts / "part-000").write_bytes(damaged)
    (parts / "part-002").write_bytes((parts / "part-002").read_bytes()[:-1])
    with pytest.raises(
        LineupError, match=r"missing: part-001; damaged: part-000, part-002; expected"
    ) as error:
        check_parts(parts)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", ["facts", "parts", "text"])
def test_a_damaged_manifest_is_refused(parts: Path, change: str) -> None:
    path = parts / "manifest.json"
    told = json.loads(path.read_text())
    if change == "facts":
        told["facts"]["runs"] = ["b"]
    if change == "parts":
        told["parts"].pop()
    path.write_text("{" if change == "text" else json.dumps(told))
    with pytest.raises(LineupError, match=r"manifest\.json: damaged"):
        read_manifest(parts)


def test_parts_without_a_manifest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LineupError, match=r"manifest\.json: not there"):
        check_parts(tmp_path)


def test_an_interrupted_writing_leaves_no_manifest(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(LineupError, match="gone: No such file"):
        write_parts([("a", b"a"), ("b", tmp_path / "gone")], parts, LIMIT, FACTS)
    assert not (parts / "manifest.json").exists()


@pytest.mark.parametrize(
    ("name", "kind"), [("../out", tarfile.REGTYPE), ("/out", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)]
)
def test_members_that_lead_outside_are_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc"
        tar.addfile(member)
    (tmp_path / "part-000").write_bytes(archive.getvalue())
    manifest = write_parts([], tmp_path / "other", LIMIT, FACTS)
    with pytest.raises(LineupError, match="no plain file below the folder"):
        read_parts(Manifest("", {}, manifest.parts[:1]), tmp_path, tmp_path / "target")
    assert not (tmp_path / "out").exists()
