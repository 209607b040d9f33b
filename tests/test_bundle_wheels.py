"""What the other machine lacks, with wheels made here and no network."""

import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pip
import pytest
from pipeline import ROOT

from bundle import interpreter, wheels
from bundle.interpreter import is_met, prepare_python, split_requirement
from bundle.wheels import HELD, choose_wheels, download_wheels, read_pins, read_requirements
from lineup.errors import LineupError

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


def make_wheel(folder: Path, name: str, version: str, tag: str = "py3-none-any") -> Path:
    """The smallest wheel that pip takes."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/RECORD": "",
    }
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return path


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of a small package and of the pip that runs here."""
    folder = tmp_path_factory.mktemp("shelf")
    make_wheel(folder, "tiny_thing", "1.5")
    package = Path(pip.__file__).parent
    info = f"pip-{metadata.version('pip')}.dist-info"
    with zipfile.ZipFile(folder / f"pip-{metadata.version('pip')}-py3-none-any.whl", "w") as wheel:
        for file in [
            *package.rglob("*"),
            package.parent / info / "METADATA",
            package.parent / info / "WHEEL",
        ]:
            if file.is_file() and file.suffix != ".pyc":
                wheel.write(file, str(file.relative_to(package.parent)))
    return folder


def test_what_is_missing_is_installed_without_a_network_and_the_rest_is_seen(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1:9")
    requirements = ["tiny_thing>=1.2,<2", "torch>=2.11"]
    programs = prepare_python(tmp_path, requirements, shelf)
    script = "import tiny_thing, numpy; print(tiny_thing.VERSION, numpy.__file__)"
    said = subprocess.check_output([programs / "python", "-c", script], text=True, cwd=tmp_path)
    version, seen = said.split()
    assert version == "1.5"
    assert Path(seen).is_relative_to(metadata.distribution("numpy").locate_file(""))
    assert "for want of tiny_thing>=1.2,<2" in capsys.readouterr().out
    assert prepare_python(tmp_path, requirements, tmp_path / "gone") == programs
    assert capsys.readouterr().out == ""


def test_where_all_is_there_nothing_is_made(tmp_path: Path) -> None:
    programs = prepare_python(tmp_path, read_requirements(ROOT / "pyproject.toml"), tmp_path / "wheels")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    script = "import sys, numpy; print(sys.prefix)"
    assert subprocess.check_output([programs / "python", "-c", script], text=True).strip() == sys.prefix


def test_what_is_neither_there_nor_packed_is_named(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(LineupError, match=r"^other-thing>=1: not installed for .*WHEELS=all$"):
        prepare_python(tmp_path, ["tiny-thing", "other-thing>=1"], shelf)
    with pytest.raises(LineupError, match=r"tiny_thing>=2.*PYTHON_THERE"):
        prepare_python(tmp_path, ["tiny_thing>=2"], shelf)
    assert not (tmp_path / "venv/.installed").exists()


def test_what_only_pythonpath_adds_does_not_count(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, met in (("elsewhere", False), ("site-packages", True)):
        with zipfile.ZipFile(shelf / "tiny_thing-1.5-py3-none-any.whl") as wheel:
            wheel.extractall(tmp_path / folder)
        monkeypatch.syspath_prepend(tmp_path / folder)
        assert is_met("tiny-thing>=1") is met


def test_another_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        interpreter, "sys", SimpleNamespace(version_info=(3, 10, 1), executable="/there/python")
    )
    with pytest.raises(LineupError, match=r"Python 3\.10; expected Python 3\.11 to 3\.13"):
        prepare_python(tmp_path, [], tmp_path)


@pytest.mark.parametrize(
    ("version", "requirement", "met"),
    [
        ("2.11.0+cu130", "torch>=2.11,<2.16", True),
        ("2.11.0a0+build", "torch>=2.11,<2.16", True),
        ("2.15.1", "torch>=2.11,<2.16", True),
        ("2.16.0", "torch>=2.11,<2.16", False),
        ("2.9.1", "torch>=2.11,<2.16", False),
        ("3", "torch == 3.0", True),
        ("1.10.2", "torch", True),
    ],
)
def test_versions_are_compared_by_their_numbers(
    monkeypatch: pytest.MonkeyPatch, version: str, requirement: str, met: bool
) -> None:
    monkeypatch.setattr(metadata, "distributions", lambda **_: [SimpleNamespace(version=version)])
    assert is_met(requirement) is met


def test_every_dependency_is_written_in_a_form_that_is_read_there() -> None:
    for requirement in read_requirements(ROOT / "pyproject.toml"):
        assert split_requirement(requirement)
    with pytest.raises(LineupError, match="expected a name with limits"):
        split_requirement("dvc~=3.0")


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_wheels_are_dvcs_and_not_those_of_a_machine_for_training(python: str) -> None:
    requirements, pins = read_requirements(ROOT / "pyproject.toml"), ROOT / "requirements.txt"
    chosen = {pin.split("==")[0] for pin in choose_wheels(requirements, pins, python, "x86_64", HELD)}
    assert {"dvc", "dvc-data", "pydantic-core", "ruamel-yaml", "rich", "safetensors"} <= chosen
    assert not chosen & (HELD | {"triton", "pytest", "mypy"})


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_all_that_is_needed_is_pinned(python: str) -> None:
    requirements, pins = read_requirements(ROOT / "pyproject.toml"), ROOT / "requirements.txt"
    if f"torch=={metadata.version('torch')}\n" not in pins.read_text():
        pytest.skip("the torch that is installed is another than the pinned one, and needs other packages")
    everything = {pin.split("==")[0] for pin in choose_wheels(requirements, pins, python, "x86_64", set())}
    assert everything >= {"dvc", "triton", *HELD}


def test_pins_are_those_of_the_other_python(tmp_path: Path) -> None:
    old, new = "a==1.0 ; python_full_version < '3.12'", "a==2.0 ; python_full_version >= '3.12'"
    (tmp_path / "pins").write_text(f"# made\n{old}\n    # via b\n{new}\nb==3\n")
    for python, version in (("3.11.0", "1.0"), ("3.13.0", "2.0")):
        assert read_pins(tmp_path / "pins", {"python_full_version": python}) == {"a": version, "b": "3"}
    with pytest.raises(LineupError, match="no safetensors; expected a pin of each package"):
        choose_wheels(["safetensors>=0.5", "b"], tmp_path / "pins", "3.12", "x86_64", set())


def test_wheels_are_downloaded_for_the_other_machine(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    for wheel in shelf.iterdir():
        (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    here = make_wheel(tmp_path, "quick", "1.0", "cp312-cp312-manylinux_2_28_x86_64")
    there = make_wheel(tmp_path, "quick", "1.0", "cp313-cp313-manylinux_2_17_aarch64")
    (tmp_path / "got").mkdir()
    download_wheels(["quick==1.0", "tiny_thing==1.5"], "3.13", "aarch64", tmp_path / "got")
    names = {path.name for path in (tmp_path / "got").iterdir()}
    assert there.name in names
    assert here.name not in names
    assert len(names) == 3
    with pytest.raises(LineupError, match=r"pip download: No matching distribution found for tiny_thing==9"):
        download_wheels(["tiny_thing==9"], HERE, "x86_64", tmp_path / "got")


def test_a_wheel_that_was_built_for_this_machine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(verb: str, *_: str) -> None:
        if verb == "download":
            (tmp_path / "quick-1.0.tar.gz").write_text("source")
        else:
            make_wheel(tmp_path, "quick", "1.0", "cp311-cp311-linux_x86_64")

    monkeypatch.setattr(wheels, "_pip", build)
    with pytest.raises(
        LineupError, match=r"quick-1\.0-cp311-cp311-linux_x86_64\.whl: built for this machine"
    ):
        download_wheels(["quick==1.0"], "3.11", "x86_64", tmp_path)
