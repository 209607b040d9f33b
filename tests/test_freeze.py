"""What a phase trains."""

import pytest
import torch
from torch import nn

from lineup.errors import LineupError
from lineup.models import PixelModel, count_parameters
from lineup.training.freeze import list_dropout, set_dropout, set_trainable, set_training_mode


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
    set_trainable(model, "head")
    set_training_mode(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model(torch.randn(4, 3, 8, 8))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    set_trainable(model, "all")
    set_training_mode(model)
    model(torch.randn(4, 3, 8, 8))
    assert not torch.equal(model.state_dict()["net.0.1.running_mean"], before["net.0.1.running_mean"])


def test_dropout_is_set_by_name() -> None:
    model = make()
    rates = list_dropout(model)
    assert rates == {"net.2": 0.5}
    set_dropout(model, {"net.2": 0.1})
    assert list_dropout(model) == {"net.2": 0.1}
