"""The sources by name: each is a module of this folder with one function, `save(target)`."""

from importlib import import_module
from pathlib import Path


def save(source: str, target: Path) -> None:
    """Write the dataset of `source` (cifar10, cifar100, digits) to `target`, in canonical order."""
    import_module(f"lineup.sources.{source}").save(target)
