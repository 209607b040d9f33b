import io
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lineup.console import Progress

HEAD = """
import signal, sys, time
from lineup.console import Stopped, stage, uninterrupted
from lineup.config.problems import ParamsError
from lineup.errors import LineupError
"""


def script(folder: Path, body: str) -> list[str]:
    path = folder / "script.py"
    path.write_text(f"{HEAD}{body}\nif __name__ == '__main__':\n    stage(main)\n")
    return [sys.executable, str(path)]


def run(folder: Path, body: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*script(folder, body), *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_word_reaches_main(tmp_path: Path) -> None:
    result = run(tmp_path, "def main(name): print(name)", "d3")
    assert (result.returncode, result.stdout, result.stderr) == (0, "d3\n", "")


def test_a_wrong_number_of_words_shows_the_usage(tmp_path: Path) -> None:
    result = run(tmp_path, "def main(name): print(name)")
    assert (result.returncode, result.stderr) == (2, "usage: python script.py NAME\n")
    result = run(tmp_path, "def main(): print(1)", "d3")
    assert (result.returncode, result.stderr) == (2, "usage: python script.py\n")


def test_an_error_is_one_line(tmp_path: Path) -> None:
    result = run(tmp_path, "def main(): raise LineupError('a', 'b', 'c', 'd')")
    assert (result.returncode, result.stderr) == (1, "error: a: b; expected c; fix: d\n")


def test_several_errors_are_a_line_each(tmp_path: Path) -> None:
    result = run(tmp_path, "def main(): raise ParamsError([LineupError(at, 'b', 'c', 'd') for at in 'xy'])")
    assert result.returncode == 1
    assert result.stderr == "error: x: b; expected c; fix: d\nerror: y: b; expected c; fix: d\n"


def test_an_operation_without_the_same_bits_each_time_is_one_line(tmp_path: Path) -> None:
    body = """
import torch
def main(name):
    torch.use_deterministic_algorithms(True)
    torch.zeros(3).put_(torch.tensor([1]), torch.ones(1))  # one that the CPU lacks
"""
    result = run(tmp_path, body, "d3")
    assert (result.returncode, result.stderr) == (
        1,
        "error: d3: put_ does not have a deterministic implementation; expected operations with one; "
        "fix: choose another model, or set runtime.device to cpu\n",
    )


def test_a_mistake_in_the_code_keeps_its_traceback(tmp_path: Path) -> None:
    result = run(tmp_path, "def main(): raise ValueError('ours')")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "Traceback" in run(tmp_path, "def main(): raise RuntimeError('ours')").stderr


SAVES = """
def main():
    try:
        print('ready', flush=True)
        time.sleep(60)
    except Stopped:
        time.sleep(0.5)
        print('saved', flush=True)
        raise
"""


def stop(folder: Path, body: str, number: int, times: int = 1) -> tuple[int, str, str]:
    with subprocess.Popen(
        script(folder, body), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(times):
            process.send_signal(number)
            time.sleep(0.1)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("times", [1, 3])
def test_a_signal_lets_main_save_first(tmp_path: Path, number: int, status: int, times: int) -> None:
    name = signal.Signals(number).name
    assert stop(tmp_path, SAVES, number, times) == (status, "saved\n", f"stopped by {name}\n")


def test_a_signal_waits_for_the_end_of_an_uninterrupted_block(tmp_path: Path) -> None:
    body = """
import threading

def main():
    # Another thread takes the signal, as one of torch's would.
    threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
    with uninterrupted():
        print('ready', flush=True)
        time.sleep(0.5)
        print('whole', flush=True)
    print('never', flush=True)
"""
    assert stop(tmp_path, body, signal.SIGTERM)[:2] == (143, "whole\n")


def test_a_held_signal_is_not_lost_when_the_block_fails(tmp_path: Path) -> None:
    body = """
def main():
    with uninterrupted():
        print('ready', flush=True)
        time.sleep(0.5)
        raise ValueError
"""
    assert stop(tmp_path, body, signal.SIGINT) == (130, "", "stopped by SIGINT\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_one_plain_line_an_epoch(clock: list[float]) -> None:
    log = io.StringIO()
    with Progress("d3 seed 0", epochs=3, images=1000, stream=log) as progress:
        assert not progress.due()
        clock[0] += 2
        progress.end_epoch(1, loss=1.5, score=0.25)
        clock[0] += 4
        progress.end_epoch(2, loss=1.25, score=0.5)
    assert log.getvalue() == (
        "d3 seed 0  epoch 1/3  loss 1.5000  accuracy 0.2500  500 images/s  0:00:04 left\n"
        "d3 seed 0  epoch 2/3  loss 1.2500  accuracy 0.5000  250 images/s  0:00:03 left\n"
    )


def test_a_terminal_line_is_redrawn_in_place(clock: list[float]) -> None:
    screen = Terminal()
    with Progress("d3", epochs=2, images=100, stream=screen) as progress:
        assert progress.due()
        clock[0] += 1
        progress.show(1, 50, loss=2.0, score=0.1)
        assert not progress.due()
        clock[0] += 1
        assert progress.due()
        progress.show(1, 80, loss=1.0, score=0.2)
    assert re.findall(r"epoch 1/2 .*? ([\d,]+) images/s", screen.getvalue()) == ["50", "40"]
    assert screen.getvalue().count("\r\x1b[K") == 2
    assert screen.getvalue().count("\n") == 1


def test_a_narrow_terminal_does_not_wrap(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    screen = Terminal()
    with Progress("d3", epochs=2, images=100, stream=screen) as progress:
        clock[0] += 1
        progress.show(1, 50, loss=2.0, score=0.1)
    assert len(screen.getvalue().removeprefix("\r\x1b[K").rstrip("\n")) == 19


def test_time_left_counts_only_what_this_process_trained(clock: list[float]) -> None:
    log = io.StringIO()
    with Progress("d3", epochs=10, images=100, done=8, stream=log) as progress:
        clock[0] += 5
        progress.end_epoch(9, loss=1.0, score=0.5)
    assert "0:00:05 left" in log.getvalue()
