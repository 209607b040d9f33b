"""TensorBoard is told every epoch once, and of a run that is trained anew from its start."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from board import LOGS, Board
from lineup.files import write_text

HEAD = "seed,phase,epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy,best\n"


def put(*rows: str) -> None:
    write_text(Path("plots/curves/net.csv"), HEAD + "".join(f"{row}\n" for row in rows))


def read(seed: int, scalar: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(LOGS / f"net/seed-{seed}"))  # type: ignore[no-untyped-call]
    events.Reload()  # type: ignore[no-untyped-call]
    return [(each.step, round(each.value, 6)) for each in events.Scalars(scalar)]  # type: ignore[no-untyped-call]


def test_every_epoch_is_told_once_while_curves_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    board = Board()
    board.update()
    put("0,,1,0.1,2.0,0.3,2.1,0.25,0")
    board.update()
    board.update()
    put("0,,1,0.1,2.0,0.3,2.1,0.25,0", "0,,2,0.05,1.5,0.5,1.6,0.45,1", "1,,1,0.1,2.2,0.2,2.3,0.15,1")
    board.update()
    assert read(0, "accuracy/validation") == [(1, 0.25), (2, 0.45)]
    assert read(0, "learning rate") == [(1, 0.1), (2, 0.05)]
    assert read(1, "loss/train") == [(1, 2.2)]


def test_a_run_that_is_trained_anew_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    board = Board()
    put("0,,1,0.1,2.0,0.3,2.1,0.25,0", "0,,2,0.05,1.5,0.5,1.6,0.45,1")
    board.update()
    put("0,,1,0.1,1.0,0.6,1.1,0.55,1")
    board.update()
    assert read(0, "accuracy/train") == [(1, 0.6)]
