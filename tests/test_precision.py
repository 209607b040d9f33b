"""Depthwise convolutions stay in fp32 under bf16 autocast on the CPU."""

import copy

import torch
from torch import nn

from lineup.precision import keep_depthwise_in_fp32


def make() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 8, 1, groups=2))


def test_only_depthwise_convolutions_leave_autocast() -> None:
    model, dtypes = make(), []
    keep_depthwise_in_fp32(model)
    for layer in model:
        layer.register_forward_hook(lambda _module, _inputs, output: dtypes.append(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        model(torch.randn(2, 4, 5, 5))
    assert dtypes == [torch.float32, torch.bfloat16, torch.bfloat16]


def test_a_copy_computes_with_its_own_weights() -> None:
    model = make()
    keep_depthwise_in_fp32(model)
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    assert copied(torch.randn(1, 4, 5, 5)).abs().max() == 0
