"""Images of one's own: FOLDER/train and FOLDER/test, and in each a folder for every class."""

import unicodedata
from collections.abc import Iterator, Mapping
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from lineup.data.raw import RawDataset, write_raw
from lineup.errors import LineupError

SPLITS = ("train", "test")
ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# PIL would cut what these hold to 8 bits, not scale it.
DEEP = ("I", "F", "I;16", "I;16B", "I;16L")


def save(target: Path, *, needs: str, size: int) -> None:
    """Write the images below the folder `needs` to `target`, each as an RGB square of `size` pixels.

    Of an image that is no square the middle is taken. Raises LineupError for folders that are laid out
    otherwise, and for a file that is not the image its ending says.
    """
    write_raw(read_folder(Path(needs), size), target)


def read_folder(folder: Path, size: int) -> RawDataset:
    """The images below `folder`, sorted by class and pixels: how files are called makes no difference."""
    found = {split: list_classes(folder / split) for split in SPLITS}
    classes = sorted(found["train"])
    _refuse_gaps(folder, found)
    tensors = {
        f"{split}_{kind}": tensor
        for split in SPLITS
        for kind, tensor in _read_split(found[split], classes, size).items()
    }
    return RawDataset(**tensors, classes=tuple(classes))


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """The image files of each class, which is a folder in `folder`; hidden ones are left out."""
    layout = " and ".join(f"{folder.parent}/{split}/CLASS/…" for split in SPLITS)
    if not folder.is_dir():
        raise LineupError(str(folder), "no such folder", layout, "sort your images into these")
    if loose := [path for path in folder.iterdir() if path.is_file() and _is_image(path)]:
        found = f"{len(loose)} images in no class, as {min(loose).name}"
        raise LineupError(str(folder), found, layout, "sort them into these")
    # What one system writes as two characters (a and its dots), another writes as one.
    return {
        unicodedata.normalize("NFC", path.name): sorted(_list_images(path))
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    }


def _refuse_gaps(folder: Path, found: Mapping[str, Mapping[str, list[Path]]]) -> None:
    """Raise LineupError if a class has no image on one side, or if there are fewer than two classes."""
    train, test = (found[split] for split in SPLITS)
    if unknown := sorted(test.keys() - train.keys()):
        raise LineupError(
            str(folder / "test"), f"class {unknown[0]} is not in train", "the classes of train", "move it"
        )
    for split in SPLITS:
        if empty := sorted(name for name in train if not found[split].get(name)):
            expected = f"images of every class, with one of the endings {' '.join(sorted(ENDINGS))}"
            fix = "add some, or remove the class"
            raise LineupError(str(folder / split), f"no image of class {empty[0]}", expected, fix)
    if len(train) < 2:
        expected = "a folder for each of two classes or more"
        raise LineupError(str(folder / "train"), f"{len(train)} of them", expected, "sort your images so")


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


def _list_images(folder: Path) -> Iterator[Path]:
    others = []
    for path in folder.rglob("*"):
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if _is_image(path):
            yield path
        else:
            others.append(path)
    if others:
        print(f"{folder}: {len(others)} files left out that are no images, as {min(others)}", flush=True)


def _read_split(files: dict[str, list[Path]], classes: list[str], size: int) -> dict[str, Tensor]:
    paths = [(label, path) for label, name in enumerate(classes) for path in files.get(name, [])]
    images: NDArray[np.uint8] = np.empty((len(paths), size, size, 3), dtype=np.uint8)

    def read(place: int) -> tuple[int, bytes]:
        label, path = paths[place]
        images[place] = read_image(path, size)
        return label, images[place].tobytes()

    with ThreadPool() as pool:
        keys = pool.map(read, range(len(paths)))
    order = sorted(range(len(paths)), key=keys.__getitem__)
    labels = torch.tensor([paths[place][0] for place in order], dtype=torch.int64)
    return {"images": torch.from_numpy(images[order]), "labels": labels}


def read_image(path: Path, size: int) -> NDArray[np.uint8]:
    """The middle of an image, upright, as uint8 [size, size, 3]. Raises LineupError if it is none."""
    try:
        with Image.open(path) as image:
            if image.mode in DEEP:
                raise ValueError(f"{image.mode}, more than 8 bits a channel")
            upright = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.BICUBIC))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise LineupError(
            str(path), f"not readable ({error})", "an image of 8 bits a channel", "mend or remove it"
        ) from error
