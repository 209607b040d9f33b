"""The gradient of kernels from images side by side is torch's own, and is used only where it should be."""

from unittest.mock import Mock

import pytest
import torch
from torch import nn

from lineup.models.small_feature_maps import TOGETHER, SmallMapConv2d, find_gradient, speed_up


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "size"), [(3, 1), (3, 4), (3, 7), (5, 6), (7, 3)])
def test_the_gradient_is_that_of_torch(kernel: int, size: int, stride: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, kernel, stride, padding=kernel // 2).double()
    images = torch.randn(2 * TOGETHER, 3, size, size, dtype=torch.double)
    results = layer(images)
    gradient = torch.randn_like(results)
    results.backward(gradient)
    assert layer.weight.grad is not None
    found = find_gradient(gradient, images, layer.weight, layer.stride, (kernel // 2, kernel // 2))
    torch.testing.assert_close(found, layer.weight.grad)


def test_only_convolutions_that_keep_the_size_are_changed() -> None:
    class Own(nn.Conv2d):
        pass

    net = nn.Sequential(
        nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 5, 2, padding=2),
        nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, padding=1, groups=4),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), Own(4, 4, 3, padding=1),
    )  # fmt: skip
    names = list(net.state_dict())
    assert [isinstance(layer, SmallMapConv2d) for layer in speed_up(net)] == [True] * 2 + [False] * 7
    assert list(net.state_dict()) == names


def train_step(net: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    net.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        loss = net(images).float().square().mean()
    loss.backward()
    return [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("bias", [True, False])
def test_a_step_gives_the_gradients_of_plain_convolutions(
    bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 8, 3, 2, padding=1, bias=bias), nn.Conv2d(8, 8, 3, padding=1, bias=bias))
    net, images = nn.Sequential(*layers), torch.randn(2 * TOGETHER, 3, 9, 9)
    plain = train_step(net, images)
    found = Mock(wraps=find_gradient)
    monkeypatch.setattr("lineup.models.small_feature_maps.find_gradient", found)
    for one, other in zip(train_step(speed_up(net), images), plain, strict=True):
        # In bf16 small sums are as far off as large ones, for it is their terms that are rounded.
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.01 * other.abs().max().item())
    assert found.call_count == len(layers)


OFF = {
    "a wide result": {"size": 32},
    "a batch that does not divide": {"number": TOGETHER + 1},
    "fp32": {"precision": "fp32"},
    "another processor": {"amx": False},
    "a frozen layer": {"trained": False},
}


@pytest.mark.parametrize("case", OFF.values(), ids=OFF.keys())
def test_where_it_does_not_pay_it_is_not_used(
    case: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"size": 4, "number": TOGETHER, "precision": "bf16", "amx": True, "trained": True} | case
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: options["amx"])
    net = speed_up(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)))
    net[0].weight.requires_grad_(bool(options["trained"]))
    images = torch.randn(options["number"], 3, options["size"], options["size"])
    with torch.autocast("cpu", torch.bfloat16, enabled=options["precision"] == "bf16"):
        result = net(images)
    assert type(result.grad_fn).__name__ != "_ConvolutionBackward"
