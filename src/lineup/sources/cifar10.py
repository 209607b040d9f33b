"""CIFAR-10: 60,000 colour images of 32 x 32 pixels in 10 classes, from the page of its author."""

from pathlib import Path

from lineup.sources import cifar
from lineup.sources.fetch import Remote

REMOTE = Remote(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    size=170_052_171,
    algorithm="sha256",
    checksum="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
LAYOUT = cifar.Layout(
    folder="cifar-10-batches-bin",
    train={f"data_batch_{number}.bin": 10_000 for number in range(1, 6)},
    test={"test_batch.bin": 10_000},
    names="batches.meta.txt",
    labels=(10,),
    digests={
        "train": "72083841cd0fa633f09b24c0833cf6d6a1809caff400317117334e0aa6b0ed46",
        "test": "f1bbb931260cda782c84c1948c82d910e2c193cb1d56756293f445027090946b",
        "classes": "bb3914949cecedee6d1257f7f5fdb8f43fa3b2c8095fd1763161caf1b873fe59",
    },
)


def save(target: Path) -> None:
    """Write CIFAR-10 to `target`."""
    cifar.save(REMOTE, LAYOUT, target)
