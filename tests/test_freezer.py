"""What a phase trains."""

from typing import Any

import pytest
import torch
from recipes import make_phase
from torch import nn

from lineup.components import freezes
from lineup.errors import LineupError
from lineup.models import PixelModel, count_parameters
from lineup.training.freezing.freezer import Freezer, set_trainable


def make() -> PixelModel:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    net = nn.Sequential(body, nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 8), nn.Linear(8, 2))
    return PixelModel(net, (0.0,) * 3, (1.0,) * 3)


HEAD, LAST_TWO, LAST_THREE = 18, 18 + 40, 18 + 40 + 8


@pytest.mark.parametrize(
    ("trainable", "count"),
    [
        ("all", 112 + LAST_THREE),
        ("head", HEAD),
        (0.5, LAST_TWO),
        (0.01, HEAD),
        (0.75, LAST_THREE),
        (1.0, 112 + LAST_THREE),
        ("0", 112 + LAST_THREE),
        ("0.1", LAST_THREE),
        ("3", LAST_TWO),
    ],
)
def test_gradients_reach_what_is_named(trainable: str | float, count: int) -> None:
    model = make()
    set_trainable(model, trainable)
    assert count_parameters(model)[1] == count


def test_a_later_phase_can_train_more() -> None:
    model = make()
    set_trainable(model, "head")
    set_trainable(model, "all")
    assert count_parameters(model)[1] == 112 + LAST_THREE


def test_an_unknown_layer_lists_the_layers() -> None:
    with pytest.raises(LineupError, match=r"'hed'; expected all, head, .*0\.0, 0\.1, 3, 4"):
        set_trainable(make(), "hed")


def test_frozen_batch_norm_keeps_its_statistics() -> None:
    model = make()
    freezer = Freezer(model)
    freezer.start(make_phase(trainable="head"))
    model.train()
    freezer.hold_statistics()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model(torch.randn(4, 3, 8, 8))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    freezer.start(make_phase())
    model.train()
    freezer.hold_statistics()
    model(torch.randn(4, 3, 8, 8))
    assert not torch.equal(model.state_dict()["net.0.1.running_mean"], before["net.0.1.running_mean"])


@pytest.mark.parametrize(
    ("trainable", "looked_up"), [("all", False), ("0.1", True), (0.5, True), ("head", True)]
)
def test_features_are_looked_up_where_the_first_layers_are_frozen(
    trainable: str | float, looked_up: bool
) -> None:
    freezer = Freezer(make())
    freezer.start(make_phase(trainable=trainable))
    assert (freezer.memo is not None) is looked_up


def test_a_phase_sets_dropout_and_the_next_one_has_the_networks_own_again() -> None:
    model = make()
    freezer = Freezer(model)
    freezer.start(make_phase(trainable="head", dropout=0.1))
    assert model.net.get_submodule("2").p == 0.1
    freezer.start(make_phase())
    assert model.net.get_submodule("2").p == 0.5


def rates_of(model: PixelModel, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    names = {id(parameter): name for name, parameter in model.net.named_parameters()}
    return {names[id(each)]: group["lr"] for group in optimizer.param_groups for each in group["params"]}


def test_rates_fall_geometrically_towards_the_first_layer_that_is_trained() -> None:
    model = make()
    freezer, phase = Freezer(model), make_phase(trainable=0.75, layer_decay=0.01)
    freezer.start(phase)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=2.0)
    freezer.spread_rates(optimizer, phase)
    rates = rates_of(model, optimizer)
    assert rates == pytest.approx(
        {"0.1.weight": 0.02, "0.1.bias": 0.02, "3.weight": 0.2, "3.bias": 0.2, "4.weight": 2.0, "4.bias": 2.0}
    )
    model(torch.randn(4, 3, 8, 8)).sum().backward()
    before = model.net.get_submodule("3").weight.clone()
    optimizer.step()
    moved = (model.net.get_submodule("3").weight - before).detach()
    torch.testing.assert_close(moved, -0.2 * model.net.get_submodule("3").weight.grad)


def test_a_phase_without_layer_decay_keeps_the_optimizers_groups() -> None:
    model = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    groups = optimizer.param_groups
    Freezer(model).spread_rates(optimizer, make_phase())
    assert optimizer.param_groups is groups


@pytest.mark.parametrize(
    ("phase", "needed"),
    [
        ({}, False),
        ({"layer_decay": 0.1}, True),
        ({"trainable": "head"}, True),
        ({"dropout": 0.1}, True),
        ({"dropout": 0.0}, True),
    ],
)
def test_only_phases_that_hold_something_back_load_it(phase: dict[str, Any], needed: bool) -> None:
    assert freezes([make_phase(), make_phase(**phase)]) is needed
