"""Initial weights: what each source fetches, what is recorded, and what is refused."""

import hashlib
import json
import os
import pickle
import runpy
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from local_server import Page, Site, serve
from parameters import resolve
from pipeline import ROOT, TINY
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from lineup.errors import LineupError
from lineup.models.record import ModelRecord, write_record
from lineup.weights import file, none, run
from lineup.weights import timm as hub
from lineup.weights.record import Initial, Record, write_initial

MODEL, REPOSITORY = "lcnet_050.ra2_in1k", "timm/lcnet_050.ra2_in1k"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
EMPTY = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "


@pytest.fixture(scope="module")
def made() -> dict[str, Tensor]:
    """Weights of the architecture, made for these tests."""
    torch.manual_seed(0)
    return dict(timm.create_model(MODEL.partition(".")[0]).state_dict())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A hub without files, and an empty cache and working folder."""
    monkeypatch.chdir(tmp_path)
    with serve() as site:
        # The library reads HF_ENDPOINT and HF_HOME once, when it is imported.
        asked = partial(hub.hf_hub_download, endpoint=site.url, cache_dir=tmp_path / "cache")
        monkeypatch.setattr(hub, "hf_hub_download", asked)
        yield site


def publish(site: Site, content: bytes) -> None:
    etag = hashlib.sha256(content).hexdigest()
    headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Content-Type": "application/octet-stream"}
    site.pages[f"/{REPOSITORY}/resolve/main/model.safetensors"] = Page(content, headers=headers)


def stage(folder: Path, entry: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the stage in `folder` for weights that are declared by `entry`."""
    text = TINY.read_text()
    (folder / "params.yaml").write_text(
        text.replace("\nwaiting_weights", f"\n  new: {entry}\nwaiting_weights")
    )
    resolve(folder, "weights/new")
    return subprocess.run(
        [sys.executable, ROOT / "stages/weights.py", "new"],
        cwd=folder, env={**os.environ, "HF_HOME": str(folder / "hub"), **environment},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_stage_fetches_what_timm_has_on_the_hub_with_its_token(
    site: Site, made: dict[str, Tensor], tmp_path: Path
) -> None:
    publish(site, save(made))
    entry = f"{{source: timm, needs: data/params.valid, model: {MODEL}}}"
    done = stage(tmp_path, entry, HF_ENDPOINT=site.url, HF_TOKEN="hf_secret")
    assert done.returncode == 0, done.stderr
    tensors = load_file(tmp_path / "data/weights/new.safetensors")
    assert tensors.keys() == made.keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in made.items())
    facts = json.loads((tmp_path / "data/weights/new.json").read_text())
    assert facts["mean"] == pytest.approx([123.675, 116.28, 103.53])
    assert facts["std"] == pytest.approx([58.395, 57.12, 57.375])
    origin = {"repository": REPOSITORY, "revision": COMMIT}
    assert (facts["architecture"], facts["licence"], facts["origin"]) == ("lcnet_050", "apache-2.0", origin)
    assert site.token == "Bearer hf_secret"


def test_a_hub_out_of_reach_is_told_in_one_line_with_the_way_out(
    site: Site, monkeypatch: pytest.MonkeyPatch, made: dict[str, Tensor]
) -> None:
    with pytest.raises(LineupError) as caught:
        hub.fetch(model=MODEL, revision="main")
    put = f".lineup/downloads/{MODEL}.safetensors"
    message = str(caught.value)
    assert message.startswith(f"{REPOSITORY}/model.safetensors: cannot be fetched (")
    assert f"fix: put it at {put}, or set HF_ENDPOINT" in message
    assert "\n" not in message
    Path(put).parent.mkdir(parents=True)
    save_file(made, put)
    initial = hub.fetch(model=MODEL, revision="main")
    assert torch.equal(initial.tensors["classifier.weight"], made["classifier.weight"])
    assert initial.record
    assert initial.record.origin["revision"] == "main"


def test_weights_of_another_network_are_refused(site: Site) -> None:
    publish(site, save({"conv_stem.weight": torch.zeros(1)}))
    with pytest.raises(LineupError, match=f"expected weights of {MODEL}"):
        hub.fetch(model=MODEL, revision="main")


def test_a_page_instead_of_weights_is_refused(site: Site) -> None:
    publish(site, b"<html>log in</html>")
    with pytest.raises(LineupError, match="expected a safetensors file"):
        hub.fetch(model=MODEL, revision="main")


def test_timm_must_have_weights_of_that_name() -> None:
    with pytest.raises(LineupError, match=r"unknown model 'resnet18\.mine'.*list_pretrained\('resnet18\*'\)"):
        hub.fetch(model="resnet18.mine", revision="main")


OPTIONS: dict[str, Any] = {"architecture": "a", "mean": [1.0], "std": [2.0], "licence": "MIT"}


def test_a_file_is_taken_with_what_is_told_of_it(tmp_path: Path) -> None:
    save_file({"w": torch.ones(2)}, tmp_path / "w.safetensors")
    initial = file.fetch(needs=str(tmp_path / "w.safetensors"), **OPTIONS)
    assert torch.equal(initial.tensors["w"], torch.ones(2))
    assert initial.record == Record("file", "a", (1.0,), (2.0,), "MIT", {"file": "w.safetensors"})


def test_a_file_whose_first_byte_is_that_of_a_pickle_is_taken(tmp_path: Path) -> None:
    path, name = tmp_path / "w.safetensors", "w" + 67 * "x"
    save_file({name: torch.ones(2)}, path)
    assert path.read_bytes()[:1] == b"\x80"
    assert torch.equal(file.fetch(needs=str(path), **OPTIONS).tensors[name], torch.ones(2))


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("exploded"),))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_is_refused_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.safetensors"
    if zipped:
        torch.save(Bomb(), path)
    else:
        path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(LineupError, match="a pickle, which can run code"):
        file.fetch(needs=str(path), **OPTIONS)
    assert not (tmp_path / "exploded").exists()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"good": torch.ones(2), "bad": torch.tensor([1.0, float("nan")])}, path)
    with pytest.raises(LineupError, match="bad has values that are not finite"):
        file.fetch(needs=str(path), **OPTIONS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LineupError, match=r"no\.safetensors: not readable"):
        file.fetch(needs=str(tmp_path / "no.safetensors"), **OPTIONS)


MADE = ModelRecord(
    "classification", "timm", {"arch": "lcnet_050"}, ("cat", "dog"), 3, 32, (127.5,) * 3, (127.5,) * 3,
    "fp32", channels_last=True, threads=1, seeds=(3,),
)  # fmt: skip


def test_a_run_hands_on_its_weights_and_normalisation(tmp_path: Path) -> None:
    folder = tmp_path / "models/source"
    write_record(MADE, folder)
    save_file({"net.w": torch.ones(2)}, folder / "seed-3.safetensors")
    initial = run.fetch(needs=str(folder), seed=3)
    assert list(initial.tensors) == ["net.w"]
    assert initial.record == Record(
        "run",
        "lcnet_050",
        (127.5,) * 3,
        (127.5,) * 3,
        "that of this repository",
        {"run": "source", "seed": 3},
    )
    with pytest.raises(LineupError, match=r"seed-4.*fix: run `dvc repro train@source`"):
        run.fetch(needs=str(folder), seed=4)


def test_random_weights_are_an_empty_file_of_the_same_bytes_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes(TINY.read_bytes())
    resolve(tmp_path, "weights/random")
    runpy.run_path(str(ROOT / "stages/weights.py"))["main"]("random")
    content = (tmp_path / "data/weights/random.safetensors").read_bytes()
    assert content == EMPTY
    facts = json.loads((tmp_path / "data/weights/random.json").read_text())
    assert facts == {"source": "none", "sha256": hashlib.sha256(content).hexdigest()}
    assert none.fetch() == Initial({}, None)


def test_the_record_stands_beside_the_weights_and_in_them(tmp_path: Path) -> None:
    record = Record("file", "a", (1.0,), (2.0,), "MIT", {"file": "f"})
    path = tmp_path / "w.safetensors"
    write_initial(Initial({"w": torch.ones(2)}, record), path)
    facts = json.loads((tmp_path / "w.json").read_text())
    assert facts.pop("sha256") == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts == {
        "source": "file", "architecture": "a", "mean": [1.0], "std": [2.0],
        "licence": "MIT", "origin": {"file": "f"},
    }  # fmt: skip
    assert torch.equal(load_file(path)["w"], torch.ones(2))
