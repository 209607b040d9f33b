"""Threads, devices and what is recorded about them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lineup import runtime
from lineup.environment import describe_environment, describe_machine, device_name
from lineup.errors import LineupError

ROOT = Path(__file__).parent.parent


def test_a_process_computes_with_the_threads_it_was_told_and_deterministically() -> None:
    code = (
        "import torch; from lineup import runtime; runtime.start(3);"
        "print(torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(),"
        "torch.utils.deterministic.fill_uninitialized_memory)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "True", "False"]


def test_all_threads_of_a_training_take_denormal_numbers_for_zero(tmp_path: Path) -> None:
    # The imports are those of the stage; no device of that name ends it when all is set.
    code = (
        "import contextlib, torch; from types import SimpleNamespace as Some; from train import train_run\n"
        "run = Some(recipe=Some(threads=2), device='none')\n"
        "with contextlib.suppress(RuntimeError): train_run(run, '', None, None)\n"
        "print(int(torch.full((10**6,), 1e-40).mul(0.5).count_nonzero()), torch.get_num_threads())"
    )
    paths = f"{ROOT / 'src'}:{ROOT / 'stages'}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout.split() == ["0", "2"], done.stdout


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.choose_device("auto") == runtime.choose_device("cpu") == torch.device("cpu")
    with pytest.raises(LineupError, match=r"runtime\.device: cuda, but this machine has none"):
        runtime.choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.choose_device("auto") == torch.device("cuda")


def test_the_environment_names_versions_device_and_threads() -> None:
    facts = describe_environment(torch.device("cpu"))
    assert facts["torch"] == torch.__version__
    assert facts["threads"] == torch.get_num_threads()
    assert facts["device"] == device_name(torch.device("cpu")) == "cpu"
    assert facts["processor"]


def test_a_machine_is_its_accelerator_or_else_its_processor() -> None:
    facts = {"processor": "Abacus", "torch": "2.15.0"}
    assert describe_machine({**facts, "device": "cpu"}) == "Abacus, torch 2.15.0"
    assert describe_machine({**facts, "device": "Abacus GPU"}) == "Abacus GPU, torch 2.15.0"
