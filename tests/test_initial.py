"""Taking over weights: what fits, what is left out, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lineup.errors import LineupError
from lineup.models import PixelModel, fast
from lineup.models.timm import Classifier, Upsampled
from lineup.training.initial import load

SCALE = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def make(outputs: int = 2, width: int = 4, enlarged: bool = False, hidden: bool = False) -> PixelModel:
    layers: dict[str, nn.Module] = {"conv": nn.Conv2d(3, width, 3), "pool": nn.AdaptiveAvgPool2d(1)}
    layers |= {"flat": nn.Flatten(), "fc": nn.Linear(width, outputs)}
    net = nn.Sequential()
    for name, layer in layers.items():
        net.add_module(name, layer)
    if hidden:
        net.add_module("fc", Classifier(width, outputs, 0.0, ("hidden", "fc")))
    mean, std = tuple(SCALE["mean"]), tuple(SCALE["std"])
    return PixelModel(Upsampled(net, 16) if enlarged else net, mean, std)


def write(path: Path, tensors: dict[str, Tensor], **changes: Any) -> Path:
    save_file(tensors, path, {"lineup": json.dumps({**SCALE, **changes})})
    return path


def state(model: PixelModel) -> dict[str, Tensor]:
    """The weights by the names of the network itself."""
    return {name.split("net.")[-1]: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("enlarged", [True, False])
@pytest.mark.parametrize("prefix", ["", "net.", "net.net."])
def test_weights_are_taken_over_whatever_they_are_wrapped_in(
    tmp_path: Path, prefix: str, enlarged: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    given, model = state(make()), make(enlarged=enlarged)
    load(model, write(tmp_path / "w", {prefix + name: tensor for name, tensor in given.items()}))
    assert all(torch.equal(tensor, given[name]) for name, tensor in state(model).items())
    assert capsys.readouterr().out == ""


def test_a_head_of_other_classes_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, model = state(make(outputs=5)), make()
    before = state(model)
    load(model, write(tmp_path / "w", given))
    assert torch.equal(state(model)["conv.weight"], given["conv.weight"])
    assert torch.equal(state(model)["fc.weight"], before["fc.weight"])
    assert capsys.readouterr().out == f"{tmp_path / 'w'}: the head is left out, fc starts at random\n"


def test_what_a_network_fits_to_images_is_taken_over_too(tmp_path: Path) -> None:
    source, model = (
        PixelModel(fast.build(outputs=outputs, channels=3, size=8, widths=[8, 8, 8]), **SCALE)
        for outputs in (5, 2)
    )
    for each in (source, model):
        each.start_from(torch.rand(16, 3, 8, 8) * 255)
    load(model, write(tmp_path / "w", state(source)))
    assert torch.equal(state(model)["whitening.weight"], state(source)["whitening.weight"])


def test_a_head_stands_for_layers_that_the_weights_have(tmp_path: Path) -> None:
    given, model = state(make()), make(hidden=True)
    before = state(model)
    load(model, write(tmp_path / "w", {**given, "hidden.weight": torch.zeros(1)}))
    assert torch.equal(state(model)["conv.weight"], given["conv.weight"])
    assert torch.equal(state(model)["fc.weight"], before["fc.weight"])


def without(name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in state(make()).items() if key != name}


@pytest.mark.parametrize(
    ("tensors", "found"),
    [
        (without("conv.bias"), r"has no conv\.bias"),
        ({**without(""), "extra": torch.zeros(1)}, "also has extra"),
        ({**without(""), "conv.bias": torch.zeros(1)}, r"has another shape of conv\.bias"),
        ({}, r"has no conv\.weight, conv\.bias; expected weights of this architecture"),
    ],
)
def test_what_does_not_fit_outside_the_head_is_refused(
    tmp_path: Path, tensors: dict[str, Tensor], found: str
) -> None:
    model = make()
    before = state(model)
    with pytest.raises(LineupError, match=found):
        load(model, write(tmp_path / "w", tensors))
    assert all(torch.equal(tensor, before[name]) for name, tensor in state(model).items())


@pytest.mark.parametrize(
    "changes", [{"mean": [127.5] * 3}, {"std": [255.0] * 3}, {"mean": [0.0], "std": [255.0]}]
)
def test_a_view_that_contradicts_the_weights_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(LineupError) as caught:
        load(make(), write(tmp_path / "w", state(make()), **changes))
    message = str(caught.value)
    wanted = {**SCALE, **changes}
    for key in ("mean", "std"):
        assert f"{key} {' '.join(f'{value:.4g}' for value in wanted[key])}" in message
        assert f"{key} {' '.join(f'{value:.4g}' for value in SCALE[key])}" in message


def test_what_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"<html>")
    with pytest.raises(LineupError, match="not readable"):
        load(make(), tmp_path / "w")
    save_file({"a": torch.zeros(1)}, tmp_path / "bare")
    with pytest.raises(LineupError, match="not readable"):
        load(make(), tmp_path / "bare")
