"""The autoencoder: shapes, the count of its parameters, its range, and what it refuses."""

from typing import Any

import pytest
import torch
from torch import nn

from lineup.errors import LineupError
from lineup.models import build_model, count_parameters
from lineup.models.autoencoder import build

A6: dict[str, Any] = {"filters": [32, 64, 128], "bottleneck": 128, "batch_norm": False}


def count_3x3(before: int, after: int) -> int:
    return (9 * before + 1) * after


def test_report_a_by_hand() -> None:
    net = build(outputs=10, channels=3, size=32, **A6)
    down = count_3x3(3, 32) + count_3x3(32, 64) + count_3x3(64, 128) + count_3x3(128, 128)
    assert count_parameters(net)[0] == down + count_3x3(128, 64) + count_3x3(64, 32) + count_3x3(32, 3)
    images = torch.rand(2, 3, 32, 32)
    assert net.encode(images).shape == (2, 128, 8, 8)
    assert net(images).shape == images.shape


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("filters", [[4], [4, 8], [4, 8, 8, 16]])
def test_any_depth_gives_images_back_in_fp32_and_in_range(filters: list[int], batch_norm: bool) -> None:
    net = build(outputs=10, channels=1, size=16, filters=filters, bottleneck=5, batch_norm=batch_norm)
    images = torch.rand(3, 1, 16, 16) * 9
    with torch.autocast("cpu", torch.bfloat16):
        outputs = net(images)
    assert outputs.dtype == torch.float32
    assert outputs.shape == images.shape
    assert 0 <= outputs.min() < outputs.max() <= 1
    side = 16 // 2 ** (len(filters) - 1)
    assert net.encode(images).shape == (3, 5, side, side)
    assert any(isinstance(module, nn.BatchNorm2d) for module in net.modules()) == batch_norm


def test_it_is_built_by_its_familys_name() -> None:
    scale = {"mean": (0.0,) * 3, "std": (255.0,) * 3}
    model = build_model("autoencoder", A6, outputs=2, channels=3, size=32, **scale)
    assert model(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).shape == (1, 3, 32, 32)


def test_weights_start_as_in_keras() -> None:
    net = build(outputs=10, channels=3, size=32, **A6)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.bias is not None
            assert not module.bias.any()
            bound = (6 / (9 * (module.in_channels + module.out_channels))) ** 0.5
            assert 0.9 * bound < module.weight.abs().max() <= bound


def test_a_side_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(LineupError, match="2 poolings of images of 30 pixels; expected a side that 4"):
        build(outputs=10, channels=3, size=30, **A6)
