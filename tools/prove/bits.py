"""Whether two sides left the same bits."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

# What each kind of stage leaves; latencies and environments are of the moment, and in no file of these.
LEFT = {
    "download": ("data/raw/{}.safetensors",),
    "preprocess": ("data/views/{}", "plots/samples/{}.png"),
    "duplicates": ("metrics/duplicates/{}.json",),
    "weights": ("data/weights/{}.safetensors", "data/weights/{}.json"),
    "train": ("models/{}", "plots/curves/{}.csv"),
    "evaluate": (
        *("data/predictions/{}.safetensors", "metrics/detail/{}.json", "metrics/runs/{}.json"),
        *("metrics/outcomes/{}.safetensors", "plots/confusion/{}.csv", "plots/pictures/{}"),
    ),
}
# Of the record of a seed: what a training is known by differs with its code.
SEED = "seed-*.json"


def find_difference(stage: str, before: Path, after: Path) -> str | None:
    """The first file that `stage`, as `train@d3`, left otherwise in the two folders, if there is one."""
    kind, _, name = stage.partition("@")
    for pattern in LEFT[kind]:
        path = pattern.format(name)
        names = sorted({*_list_files(before, path), *_list_files(after, path)})
        if not names:
            return f"{path} is missing"
        for each in names:
            if not (before / each).exists() or not (after / each).exists():
                return f"{each} is on one side only"
            if _read(before / each) != _read(after / each):
                return each
    return None


def _list_files(folder: Path, path: str) -> Iterable[str]:
    return (str(file.relative_to(folder)) for file in _walk(folder / path))


def _walk(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    elif path.exists():
        yield path


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    if path.match(SEED):
        record = json.loads(content)
        content = json.dumps([record["rows"], record["trainable"], record["weights"]]).encode()
    return content
