"""The declared transfer runs: the layers they name, and what is trained in each phase."""

from collections.abc import Iterator
from typing import Any

import pytest
import timm
import torch

from lineup.config.params import load
from lineup.config.resolve import resolve_recipe
from lineup.data.prepare import IMAGENET
from lineup.models import PixelModel, build_model, count_parameters
from lineup.training.freezing.freezer import set_trainable

PARAMS = load()
DECLARED = {**PARAMS.runs, **PARAMS.waiting}
RUNS = {name: run for name, run in DECLARED.items() if run.family == "timm"}
WEIGHTS = {**PARAMS.weights, **PARAMS.waiting_weights}

# Trainable parameters as Keras counts those of its network without top, from the layer of that index on: its
# layers were listed with weights=None, where EfficientNet-B0 has one layer less than the reports' 238.
HEAD = {"mobilenetv2_96": 12_810, "efficientnet_224": 12_810, "mobilenetv3_224": 5_770, "vgg16": 5_130}
FROM = {
    ("efficientnet_224", "blocks.5.1.conv_dw"): 2_669_760,  # 180 of 238: block6b_dwconv
    ("efficientnet_224", "blocks.5.1.conv_pwl"): 2_526_864,  # last 50 of 238: block6b_project_conv
    ("efficientnet_224", "blocks.5.2.se.conv_reduce"): 2_050_704,  # 200 of 238: block6c_se_reduce
    ("mobilenetv3_224", "blocks.3.1.se.conv_reduce"): 755_200,  # 100 of 157
    ("mobilenetv2_96", "blocks.4.1.conv_dw"): 1_861_440,  # 100 of 154: block_11_depthwise
    ("vgg16", "features.24"): 7_079_424,  # last 4 of 19: block5_conv1
}


def make(model: str, classes: int = 10) -> PixelModel:
    spec, mean, std = PARAMS.models["timm"][model].model_dump(), (0.0,) * 3, (255.0,) * 3
    with torch.device("meta"):
        return build_model("timm", spec, outputs=classes, channels=3, size=32, mean=mean, std=std)


@pytest.mark.parametrize(("place", "count"), FROM.items(), ids=map(" ".join, FROM))
def test_layers_named_by_keras_index_train_what_keras_trains(place: tuple[str, str], count: int) -> None:
    model = make(place[0])
    set_trainable(model, place[1])
    assert count_parameters(model)[1] == count + HEAD[place[0]]


def test_report_ds_frozen_mobilenetv2_has_its_parameters() -> None:
    model = make("mobilenetv2_96")
    set_trainable(model, "head")
    assert count_parameters(model) == (2_270_794, 12_810)


@pytest.mark.parametrize("arch", ["c3", "c4"])
def test_the_head_is_trained_as_a_whole(arch: str) -> None:
    model = make(arch)
    set_trainable(model, "head")
    assert count_parameters(model)[1] == 1_474_688 + 73_792 + 8_320 + 1_290


def list_named() -> Iterator[tuple[str, str]]:
    for run in RUNS.values():
        for phase in resolve_recipe(PARAMS.recipes[run.recipe]).phases:
            if isinstance(phase.trainable, str):
                yield run.model, phase.trainable


@pytest.mark.parametrize(("model", "trainable"), sorted(set(list_named())))
def test_every_layer_that_a_run_names_is_there(model: str, trainable: str) -> None:
    set_trainable(make(model), trainable)


def describe(run: str) -> tuple[str, Any, str]:
    """What must agree where a run starts from another: family, architecture and normalisation."""
    entry = DECLARED[run]
    model = PARAMS.models[entry.family][entry.model]
    return entry.family, getattr(model, "arch", model), PARAMS.views[entry.view].normalize


@pytest.mark.parametrize(
    "run", [name for name, run in DECLARED.items() if WEIGHTS[run.weights].source == "run"]
)
def test_a_run_can_start_from_the_run_it_names(run: str) -> None:
    assert describe(WEIGHTS[DECLARED[run].weights].run) == describe(run)


def starts_as_reports_do(run: Any) -> bool:
    """Whether its network is one that the hub has weights of: not made for 32 pixels."""
    return run.weights != "random" and PARAMS.models[run.family][run.model].stem == "standard"


@pytest.mark.parametrize("run", [name for name, run in RUNS.items() if starts_as_reports_do(run)])
def test_weights_of_the_hub_can_take_their_place(run: str) -> None:
    _, arch, name = describe(run)
    hubs = [each for each in WEIGHTS.values() if each.source == "timm"]
    [weights] = [each for each in hubs if each.model.partition(".")[0] == arch]
    hub = timm.models.get_pretrained_cfg(weights.model)
    mean, std = {"symmetric": ((127.5,) * 3, (127.5,) * 3), "imagenet": IMAGENET}[name]
    assert mean == pytest.approx([255 * value for value in hub.mean])
    assert std == pytest.approx([255 * value for value in hub.std])
