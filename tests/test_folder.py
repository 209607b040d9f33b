"""Images of one's own, in folders."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from lineup.data.raw import TENSORS, RawDataset
from lineup.errors import LineupError
from lineup.sources.folder import read_folder, save

COLORS = {"train/cat": ["#400000", "#800000", "#a00000"], "train/dog": ["#004000", "#008000", "#00a000"]}
COLORS |= {"test/cat": ["#c00000"], "test/dog": ["#00c000"]}


def put(path: Path, color: str = "#123456", shape: tuple[int, int] = (12, 8), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", shape, color).convert(mode).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colors in COLORS.items():
        for number, color in enumerate(colors):
            put(tmp_path / f"images/{name}/{number}.png", color)
    return tmp_path / "images"


def test_images_are_sorted_by_class_and_pixels_whatever_their_files_are_called(folder: Path) -> None:
    records = read_folder(folder, 8)
    assert records.classes == ("cat", "dog")
    assert records.train_images.shape == (6, 8, 8, 3)
    assert records.train_labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert records.train_images[:, 0, 0, 0].tolist() == [0x40, 0x80, 0xA0, 0, 0, 0]
    assert records.test_images[:, 0, 0].tolist() == [[0xC0, 0, 0], [0, 0xC0, 0]]
    (folder / "train/cat/0.png").rename(folder / "train/cat/z.PNG")
    (folder / "train/cat/deeper").mkdir()
    (folder / "train/cat/1.png").rename(folder / "train/cat/deeper/1.png")
    assert same(read_folder(folder, 8), records)


def same(one: RawDataset, other: RawDataset) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in TENSORS)


def test_the_middle_of_an_image_is_taken_upright(folder: Path) -> None:
    image = Image.new("RGB", (30, 10), "#000000")
    image.paste("#ff0000", (10, 0, 20, 5))  # the middle third: above red, below black
    image.save(folder / "test/cat/0.png")
    (taken, *_) = read_folder(folder, 10).test_images
    assert taken[:5].unique(dim=0).shape[0] == taken[5:].unique(dim=0).shape[0] == 1
    assert (taken[0, 0].tolist(), taken[9, 9].tolist()) == ([255, 0, 0], [0, 0, 0])
    turned = Image.Exif()
    turned[0x0112] = 3  # turned by 180 degrees
    image.save(folder / "test/cat/0.png", exif=turned)
    assert torch.equal(read_folder(folder, 10).test_images[0], taken.flip(0))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1"])
def test_every_mode_of_eight_bits_becomes_rgb(folder: Path, mode: str) -> None:
    ending = "jpg" if mode == "CMYK" else "png"
    (folder / "test/dog/0.png").unlink()
    put(folder / f"test/dog/0.{ending}", "#ffffff", mode=mode)
    assert read_folder(folder, 8).test_images[1].min() >= 250


def test_what_is_no_image_is_left_out_and_what_only_looks_like_one_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_folder(folder, 8)
    for name in (".DS_Store", "train/.hidden/1.png", "train/cat/.hidden.png", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("no image")
    assert same(read_folder(folder, 8), before)
    assert capsys.readouterr().out == ""
    (folder / "train/cat/notes.txt").write_text("x")
    assert same(read_folder(folder, 8), before)
    assert capsys.readouterr().out.endswith("cat: 1 files left out that are no images, as "
                                            f"{folder}/train/cat/notes.txt\n")  # fmt: skip
    (folder / "train/cat/broken.jpg").write_text("x")
    with pytest.raises(LineupError, match=r"broken\.jpg: not readable .*; fix: mend or remove it"):
        read_folder(folder, 8)


@pytest.mark.parametrize("mode", ["I;16", "F"])
def test_more_than_eight_bits_are_refused_since_they_would_be_cut(folder: Path, mode: str) -> None:
    ending = "tif" if mode == "F" else "png"
    Image.new(mode, (9, 9), 40_000).save(folder / f"train/cat/deep.{ending}")
    with pytest.raises(LineupError, match=r"deep\.\w+: not readable \(.*more than 8 bits a channel\)"):
        read_folder(folder, 8)


def test_other_layouts_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LineupError, match=r"none/train: no such folder; expected .*none/train/CLASS/…"):
        read_folder(tmp_path / "none", 8)
    (folder / "test/bird").mkdir()
    with pytest.raises(LineupError, match="test: class bird is not in train"):
        read_folder(folder, 8)
    (folder / "train/bird").mkdir()
    with pytest.raises(LineupError, match="train: no image of class bird; expected images of every class"):
        save(tmp_path / "out", needs=str(folder), size=8)
    assert not (tmp_path / "out").exists()
    put(folder / "train/bird/0.png", "#404040")
    with pytest.raises(LineupError, match="test: no image of class bird; expected images of every class"):
        read_folder(folder, 8)


def test_images_beside_the_classes_are_refused(folder: Path) -> None:
    put(folder / "train/loose.png", "#404040")
    with pytest.raises(LineupError, match=r"train: 1 images in no class, as loose\.png; expected .*CLASS"):
        read_folder(folder, 8)


def test_one_class_is_too_few(folder: Path) -> None:
    for split in ("train", "test"):
        shutil.rmtree(folder / split / "dog")
    with pytest.raises(LineupError, match="train: 1 of them; expected a folder for each of two classes"):
        read_folder(folder, 8)


def test_names_written_in_two_ways_are_one_class(folder: Path) -> None:
    (folder / "train/cat").rename(folder / "train/chaton-e\u0301")
    (folder / "test/cat").rename(folder / "test/chaton-\u00e9")
    assert read_folder(folder, 8).classes[0] == "chaton-\u00e9"
