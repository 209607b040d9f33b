"""What a result was computed with: versions, device, commit. Recorded beside figures, never used for them."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import torch

PACKAGES = ("torchvision", "timm", "numpy", "safetensors", "scikit-learn", "dvc")


def describe_environment(device: torch.device) -> dict[str, str | int]:
    """Versions of Python and packages, device and processor names, threads, and the commit worked on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,  # with the build, which package metadata leaves out
        **{name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": processor_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
    }


def describe_machine(environment: Mapping[str, str | int]) -> str:
    """The accelerator, or else the processor, and torch, of what `describe_environment` gave."""
    return f"{name_machine(environment)}, torch {environment['torch']}"


def name_machine(environment: Mapping[str, str | int]) -> str:
    """The accelerator, or else the processor, of what `describe_environment` gave."""
    return str(environment["processor"] if environment["device"] == "cpu" else environment["device"])


def device_name(device: torch.device) -> str:
    """The accelerator's own name, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def processor_name() -> str:
    """The processor as the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """The commit the work started from, with `+` where tracked code differs from it; empty outside git."""
    packed = os.environ.get("LINEUP_COMMIT")  # a packed copy has no git; tools/bundle says where it came from
    if packed is not None:
        return packed
    revision = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", "src", "stages", "params.yaml")
    return revision + ("+" if changed else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
