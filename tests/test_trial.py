"""Networks that cannot be built, or do not take their images, are refused before anything runs."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from parameters import FILE, check_data, gather, resolve
from ruamel.yaml import YAML
from torch import Tensor, nn

import lineup.trial
from lineup import validation
from lineup.config.files import read_files
from lineup.config.params import check, check_architectures
from lineup.errors import LineupError
from lineup.trial import try_out

ROOT = Path(__file__).parents[1]
RUN = {"view": "small", "weights": "random", "recipe": "adam"}
RESNET = {"arch": "resnet18"}


def describe(family: str, spec: dict[str, Any], size: int, **recipe: Any) -> dict[str, Any]:
    """Parameters with one run, x, of one model, m."""
    data: dict[str, Any] = YAML(typ="safe").load(ROOT / "quickstart/params.yaml")
    data["views"] = {"small": {**data["views"]["digits"], "color": "rgb", "size": size}}
    data["recipes"]["adam"] |= recipe
    return data | {
        "models": {family: {"m": spec}},
        "runs": {"x": {**RUN, "family": family, "model": "m"}},
        "waiting": {},
    }


def find(data: dict[str, Any]) -> list[str]:
    files = gather(data)
    return [str(error) for error in validation.find_problems(check(files), files.locate)]


UNFIT = {
    "a ViT without img_size": (
        "timm",
        {"arch": "vit_tiny_patch16_224"},
        32,
        "(32) doesn't match model (224)",
    ),
    "a Swin enlarged to another size": (
        "timm",
        {"arch": "swin_tiny_patch4_window7_224", "input_size": 32},
        32,
        "(32) doesn't match model (224)",
    ),
    "Inception": ("timm", {"arch": "inception_v3"}, 8, "Output size is too small"),
    "VGG": ("timm", {"arch": "vgg11"}, 8, "Output size is too small"),
    "feature maps for answers": (
        "timm",
        {"arch": "vit_tiny_patch16_224", "options": {"img_size": 32, "global_pool": ""}},
        32,
        "outputs of shape [2, 5, 10] in place of [2, 10]",
    ),
    "AlexNet": ("torchvision", {"arch": "alexnet", "dropout": 0.0}, 8, "Output size is too small"),
    "one block too many": ("fast", {"widths": [8, 8, 8, 8]}, 8, "Output size is too small"),
    "a misspelt option": ("timm", {"options": {"chanels": 1}}, 32, "unexpected keyword argument 'chanels'"),
    "a stem that is not there": (
        "timm",
        {"arch": "vit_tiny_patch16_224", "stem": "cifar", "options": {"img_size": 32}},
        32,
        "cannot be built (StopIteration)",
    ),
    "a head that does not fit": (
        "timm",
        {"arch": "vit_tiny_patch16_224", "head": "conv_relu", "options": {"img_size": 32}},
        32,
        "head conv_relu",
    ),
}
ADVICE = {
    "a ViT without img_size": "fix: set input_size, or img_size in options, or choose another arch",
    "AlexNet": "fix: use a smaller network, or a view of larger images",
    "a misspelt option": "fix: correct its options or choose another arch",
    "a head that does not fit": "(run x): head conv_relu; expected a network that pools feature maps; "
    "fix: choose linear or pooled",
    "a stem that is not there": "fix: set stem to standard, correct its options or choose another arch",
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_network_that_cannot_work_is_refused_in_one_line(name: str) -> None:
    family, changes, size, found = UNFIT[name]
    spec = {**RESNET, **changes} if family == "timm" else changes
    (problem,) = find(describe(family, spec, size))
    assert problem.startswith(f"params.yaml: models.{family}.m (run x): ")
    assert "\n" not in problem
    assert found in problem
    assert problem.endswith(ADVICE.get(name, ""))
    images = f"expected a network for images of {size} x {size} pixels in 3 channels; "
    assert images in problem or "expected a network that pools" in problem


def phases(**trained: Any) -> dict[str, Any]:
    return {name: {} if value is None else {"trainable": value} for name, value in trained.items()}


@pytest.mark.parametrize(
    ("recipe", "keys", "fix"),
    [
        ({"trainable": "layer9"}, ["trainable"], "did you mean layer4 or layer3?"),
        ({"trainable": "layer4.0.konv1"}, ["trainable"], "did you mean layer4.0.conv"),
        ({"trainable": "zz"}, ["trainable"], "choose one of all, bn1, conv1, fc, head, layer1, "),
        ({"phases": phases(a="head", b="layer9")}, ["phases.b.trainable"], "did you mean layer4 or layer3?"),
        (
            {"trainable": "layer9", "phases": phases(a=None, b=0.5, c=None)},
            ["trainable"],
            "did you mean layer4",
        ),
        ({"trainable": "layer9", "phases": phases(a="all", b="layer4")}, [], ""),
        (
            {"trainable": "x", "phases": phases(a=None, b="y")},
            ["trainable", "phases.b.trainable"],
            "choose one",
        ),
        ({"trainable": "layer4.0"}, [], ""),
        ({"trainable": 0.3}, [], ""),
    ],
)
def test_a_layer_that_is_not_there_is_refused_with_its_recipe(
    recipe: dict[str, Any], keys: list[str], fix: str
) -> None:
    problems = find(describe("timm", {**RESNET, "input_size": 64}, 32, **recipe))
    assert [problem.split(": no layer ")[0] for problem in problems] == [
        f"params.yaml: recipes.adam.{key} (run x)" for key in keys
    ]
    expected = f" in models.timm.m; expected all, head, a fraction or the name of a layer; fix: {fix}"
    assert all(expected in problem and "\n" not in problem for problem in problems)


def test_each_network_is_built_once_and_all_problems_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    data = describe("fast", {"widths": [8]}, 8)
    data["models"]["fast"]["deep"] = {"widths": [8] * 5}
    data["views"]["gray"] = {**data["views"]["small"], "color": "gray"}
    more = {"y": {"recipe": "sgd"}, "gray": {"view": "gray"}, "deep": {"model": "deep"}}
    data["runs"] |= {name: {**data["runs"]["x"], **changes} for name, changes in more.items()}
    data["waiting"] = {"z": data["runs"]["deep"]}
    for recipe in ("adam", "sgd"):
        data["recipes"][recipe]["trainable"] = "layer9"
    built: list[tuple[Any, ...]] = []

    def note(where: str, family: str, spec: Any, *, channels: int, size: int) -> Any:
        built.append((spec["widths"], channels, size))
        return try_out(where, family, spec, channels=channels, size=size)

    monkeypatch.setattr(validation, "try_out", note)
    problems = [problem.split(": ")[1] for problem in find(data)]
    assert built == [([8], 3, 8), ([8], 1, 8), ([8] * 5, 3, 8)]
    assert problems == [
        "recipes.adam.trainable (run x)",
        "recipes.sgd.trainable (run y)",
        "recipes.adam.trainable (run gray)",
        "models.fast.deep (run deep and 1 more)",
    ]


class Counting(nn.Linear):
    """It asks a tensor for a number, which there is none of on the meta device."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.flatten(1)[:, : int(self.weight.detach().ne(0).sum() > 0) * 4])


def invent(monkeypatch: pytest.MonkeyPatch, build: Any) -> None:
    monkeypatch.setitem(sys.modules, "lineup.models.odd", SimpleNamespace(build=build))  # type: ignore[arg-type]


def test_what_the_meta_device_lacks_is_tried_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    devices: list[str] = []

    def build(*, outputs: int, **_: Any) -> nn.Module:
        devices.append(torch.empty(0).device.type)
        return Counting(4, outputs)

    invent(monkeypatch, build)
    model = try_out("here", "odd", {}, channels=1, size=8)
    assert devices == ["meta", "cpu"]
    assert next(model.parameters()).device.type == "cpu"


def test_what_works_without_numbers_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flat(nn.Linear):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images.flatten(1))

    invent(monkeypatch, lambda *, outputs, **_: nn.Sequential(Flat(192, 2**32), nn.Linear(2**32, outputs)))
    assert try_out("here", "odd", {}, channels=3, size=8).net[0].weight.is_meta  # type: ignore[index]


def test_any_error_of_a_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(**_: Any) -> nn.Module:
        raise OSError(f"first\nlast {'word ' * 99}\n")

    invent(monkeypatch, build)
    with pytest.raises(LineupError) as caught:
        try_out("here", "odd", {}, channels=1, size=8)
    message = str(caught.value)
    assert message.startswith("here: cannot be built (OSError: last word word")
    assert "word ...); expected a network for images of 8 x 8 pixels in 1 channel; fix: " in message
    assert len(message) < lineup.trial.LONGEST + 200
    assert "\n" not in message


@pytest.mark.parametrize("name", ["params.yaml", "quickstart/params.yaml", "tests/tiny.yaml"])
def test_the_parameters_of_the_repository_pass(name: str) -> None:
    files = read_files(ROOT / name)
    params = check(files)
    check_architectures(params, files.locate)
    assert not list(validation.find_problems(params, files.locate))


def test_validate_prints_each_problem_on_a_line_and_leaves_nothing(tmp_path: Path) -> None:
    data = describe("fast", {"widths": [8] * 4}, 8)
    data["models"]["fast"]["fits"] = {"widths": [8]}
    data["runs"]["y"] = {**data["runs"]["x"], "model": "fits"}
    data["recipes"]["adam"]["trainable"] = "block"
    with (tmp_path / FILE).open("w") as file:
        YAML(typ="safe").dump(data, file)
    resolve(tmp_path, "validate")
    done = subprocess.run(
        [sys.executable, ROOT / "stages/validate.py"], cwd=tmp_path, env=os.environ, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert [line.split("(")[0] for line in done.stderr.splitlines()] == [
        "error: params.yaml: models.fast.m ",
        "error: params.yaml: recipes.adam.trainable ",
    ]
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("precision", "optimizer", "capability", "cuda", "device", "fix"),
    [
        ("bf16", "adam", "AVX2", False, "auto", "precision to fp32"),
        ("bf16", "adam", "AVX2", True, "cpu", "precision to fp32"),
        ("bf16", "adam", "AVX2", True, "auto", None),
        ("bf16", "adam", "AVX512", False, "auto", None),
        ("bf16", "adam", "DEFAULT", False, "auto", None),  # not x86
        ("fp32", "adam", "AVX2", False, "auto", None),
        ("bf16", "muon", "AVX2", False, "auto", "precision to fp32"),
        ("fp32", "muon", "AVX2", False, "auto", "optimizer to adamw or nesterov"),
        ("fp32", "muon_adamw", "AVX2", False, "auto", "optimizer to adamw or nesterov"),
        ("fp32", "muon", "AVX512", False, "auto", None),
    ],
)
def test_a_processor_that_emulates_bf16_is_told_of(
    precision: str,
    optimizer: str,
    capability: str,
    cuda: bool,
    device: str,
    fix: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    data = describe("timm", RESNET, 32, precision=precision, optimizer=optimizer)
    data["runtime"] = {"device": device}
    warnings = list(validation.find_slow_runs(check_data(data)))
    assert len(warnings) == (fix is not None)
    for warning in warnings:
        assert warning.startswith("run x: ")
        assert "bf16, which this processor (" in warning
        assert warning.endswith(f"fix: set {fix} in the recipe of what you train here")
