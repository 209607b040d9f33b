"""CIFAR-100: 60,000 colour images of 32 x 32 pixels in 100 classes, from the page of its author."""

from pathlib import Path

from lineup.sources import cifar
from lineup.sources.fetch import Remote

REMOTE = Remote(
    url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    size=168_513_733,
    algorithm="md5",
    checksum="03b5dce01913d631647c71ecec9e9cb8",
)
LAYOUT = cifar.Layout(
    folder="cifar-100-binary",
    train={"train.bin": 50_000},
    test={"test.bin": 10_000},
    names="fine_label_names.txt",
    labels=(20, 100),
    digests={
        "train": "e087818905fce27ff63616d8f344858809aab7e66060ba0e155a3bb18453ec1e",
        "test": "b8278c7d1bf36d32ce3e9f2a02eb2c80c9458dcf9a15571d082434cc68f5f5ce",
        "classes": "fbe8ad23bbaf24969898a386833b49c3aaf6ad1119d43f7b41cdea1b3416d578",
    },
)


def save(target: Path) -> None:
    """Write CIFAR-100, with its 100 fine classes, to `target`."""
    cifar.save(REMOTE, LAYOUT, target)
