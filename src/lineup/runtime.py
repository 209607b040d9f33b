"""How a process computes: threads, device, determinism, memory and number format."""

import ctypes
import os
import platform
from contextlib import AbstractContextManager

import torch

from lineup.errors import LineupError

# glibc's numbers for mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def start(threads: int) -> None:
    """Fix the number of threads and make every operation deterministic.

    Call it before the first tensor. On the CPU the same thread count then gives the same bits.
    """
    _keep_freed_memory()
    torch.set_num_threads(threads)
    # cuBLAS reads this when it starts; without it, deterministic matrix products are refused.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory costs 3 to 9 % and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32


def choose_device(name: str) -> torch.device:
    """The device called `name`; `auto` takes CUDA where there is one. Raises LineupError if it is missing."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise LineupError(
            "params.yaml: runtime.device",
            "cuda, but this machine has none",
            "a device of this machine",
            "set it to auto or cpu",
        )
    return torch.device(name)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context in which a model computes at `precision`: fp32, or bf16 where autocast allows it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _keep_freed_memory() -> None:
    """Let freed memory stay with the process: eager steps otherwise take thousands of page faults each."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
