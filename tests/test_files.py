"""Files appear whole or not at all."""

from pathlib import Path

import pytest
from safetensors import SafetensorError

from lineup.errors import LineupError
from lineup.files import write_atomic, write_text


def test_a_file_appears_with_its_folders(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "text\n")
    assert (tmp_path / "a" / "b.txt").read_text() == "text\n"
    assert (tmp_path / "a" / "b.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "failure",
    [OSError(28, "No space left on device"), SafetensorError("I/O error: no space"), KeyboardInterrupt()],
    ids=repr,
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: BaseException) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("ha")
        raise failure

    with pytest.raises((LineupError, KeyboardInterrupt)):
        write_atomic(target, fail)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_named_and_a_mistake_is_not_taken_for_one(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise failure

    failure: Exception = SafetensorError("I/O error: no space")
    with pytest.raises(
        LineupError, match=r"file: could not be written \(I/O error: no space\); expected enough"
    ):
        write_atomic(tmp_path / "file", fail)
    failure = ValueError("not a file's fault")
    with pytest.raises(ValueError, match="not a file's fault"):
        write_atomic(tmp_path / "file", fail)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(LineupError, match=r"taken.*cannot be written"):
        write_text(tmp_path / "taken" / "file", "text")
