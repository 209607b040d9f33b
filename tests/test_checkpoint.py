"""Checkpoints: damage, other trainings, full disks, two trainers at once."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from lineup.errors import LineupError
from lineup.training import checkpoint
from lineup.training.checkpoint import Checkpoint, only_trainer


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoint:
    kept = Checkpoint(tmp_path / "run" / "state.pt", "one")
    kept.save({"step": 1})
    kept.save({"step": 2})
    return kept


def test_the_newest_state_comes_back(saved: Checkpoint) -> None:
    assert saved.load() == {"step": 2}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_newest_state_falls_back_to_the_older(
    saved: Checkpoint, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = bytearray(saved.path.read_bytes())
    raw[len(raw) // 2] ^= 1
    saved.path.write_bytes({"flip": bytes(raw), "cut": bytes(raw[:100]), "empty": b""}[damage])
    assert saved.load() == {"step": 1}
    assert "damaged" in capsys.readouterr().out
    saved.save({"step": 3})
    saved.path.unlink()
    assert saved.load() == {"step": 1}


def test_a_crash_between_the_renames_falls_back_to_the_older(saved: Checkpoint) -> None:
    saved.path.unlink()
    assert saved.load() == {"step": 1}


def test_another_training_starts_afresh_and_says_so(
    saved: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Checkpoint(saved.path, "other").load() is None
    assert "starting afresh" in capsys.readouterr().out


def test_nothing_saved_is_nothing_loaded(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "state.pt", "one").load() is None


def test_a_full_disk_names_path_and_bytes_and_keeps_the_state_before(
    saved: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_write", fill_up)
    with pytest.raises(LineupError, match=r"state\.pt: .*free at least [\d,]+ bytes"):
        saved.save({"step": 3})
    assert saved.load() == {"step": 2}
    assert sorted(path.name for path in saved.path.parent.iterdir()) == ["state.older"]


def test_a_malicious_checkpoint_is_not_executed(saved: Checkpoint, tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'executed'}",)

    torch.save({"fingerprint": "one", "state": Malicious()}, tmp_path / "bad.pt")
    checkpoint._write(saved.path, (tmp_path / "bad.pt").read_bytes())
    with pytest.raises(pickle.UnpicklingError):
        saved.load()
    assert not (tmp_path / "executed").exists()


def test_a_finished_training_leaves_nothing(saved: Checkpoint) -> None:
    saved.remove()
    assert list(saved.path.parent.iterdir()) == []


def test_a_second_trainer_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "run.lock"
    with only_trainer(lock), pytest.raises(LineupError, match="another process trains this run"):
        only_trainer(lock).__enter__()
    with only_trainer(lock):
        pass
