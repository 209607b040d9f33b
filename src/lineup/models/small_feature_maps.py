"""Convolutions of small feature maps that find the gradient of their kernels on eight images side by side.

Intel's matrix unit (AMX) takes 32 values in bf16 at a time. For the gradient of the kernels oneDNN takes them
from one row of one image, so that feature maps 4 pixels wide leave seven eighths of it idle. Eight images in
one row, kept apart by columns of zeros, give the same sums in a half to a sixth of the time.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

TOGETHER = 8  # images in one row
WIDEST = 8  # pixels, the widest result for which it pays; 15 and 16 lose by the copies

Pair = tuple[int, int]


def speed_up(net: nn.Module) -> nn.Module:
    """Let the convolutions of `net` for which it is made find their gradient that way, where it pays.

    Nothing else about them changes: parameters, their names, results, and gradients but for rounding.
    """
    for module in net.modules():
        if type(module) is nn.Conv2d and _keeps_apart(module):
            module.__class__ = SmallMapConv2d
    return net


class SmallMapConv2d(nn.Conv2d):
    """nn.Conv2d, whose gradient of the kernels takes images side by side where that is faster."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        if not (weight.requires_grad and torch.is_grad_enabled() and self._pays(input)):
            return functional.conv2d(input, weight, bias, self.stride, self.padding)
        images, kernels = input.bfloat16(), weight.bfloat16()
        shift = None if bias is None else bias.bfloat16()
        result: Tensor = _Convolution.apply(images, kernels, shift, self.stride, self.padding)
        return result

    def _pays(self, images: Tensor) -> bool:
        """Whether images [n, c, h, w] come to few enough columns, and are computed where that costs time."""
        return (
            _find_width(images.shape[3], self.stride[1]) <= WIDEST
            and len(images) % TOGETHER == 0
            and images.device.type == "cpu"
            and torch.is_autocast_enabled("cpu")
            and torch.cpu._is_amx_tile_supported()
        )


class _Convolution(Function):
    """A convolution in bf16, [n, c, h, w] to [n, d, h', w']."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, kernels: Tensor, shift: Tensor | None, stride: Pair, padding: Pair
    ) -> Tensor:
        ctx.save_for_backward(images, kernels)
        ctx.stride, ctx.padding = stride, padding
        return torch.conv2d(images, kernels, shift, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, kernels = ctx.saved_tensors
        of_images, _, of_shift = ctx.needs_input_grad[:3]
        return (
            _go_back(gradient, images, kernels, ctx.stride, ctx.padding)[0] if of_images else None,
            find_gradient(gradient, images, kernels, ctx.stride, ctx.padding),
            # By hand: asked for the shift's, torch finds the kernels' as well.
            gradient.sum((0, 2, 3)) if of_shift else None,
            None,
            None,
        )


def find_gradient(gradient: Tensor, images: Tensor, kernels: Tensor, stride: Pair, padding: Pair) -> Tensor:
    """The gradient of `kernels` [d, c, k, k] from that of the results [n, d, h', w'].

    images: [n, c, h, w], n a multiple of TOGETHER; padding keeps the size but for the stride.
    """
    # Between two images the results leave out so many columns that no kernel reaches both.
    width = gradient.shape[3] + -(-padding[1] // stride[1])
    wide_gradient, wide_images = _join(gradient, width), _join(images, width * stride[1])
    return _go_back(wide_gradient, wide_images, kernels, stride, padding, of_kernels=True)[1]


def _join(images: Tensor, width: int) -> Tensor:
    """[n / TOGETHER, c, h, TOGETHER * width]: so many images in a row, each `width` wide with its zeros."""
    number, channels, height, filled = images.shape
    rows = images.new_zeros(number // TOGETHER, height, TOGETHER, width, channels)
    split = images.permute(0, 2, 3, 1).reshape(-1, TOGETHER, height, filled, channels)
    rows[:, :, :, :filled] = split.transpose(1, 2)
    return rows.flatten(2, 3).permute(0, 3, 1, 2)


def _go_back(
    gradient: Tensor,
    images: Tensor,
    kernels: Tensor,
    stride: Pair,
    padding: Pair,
    *,
    of_kernels: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Torch's own gradients of a convolution, that of the images first; only the one asked for is there."""
    asked = (not of_kernels, of_kernels, False)
    gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, images, kernels, None, stride, padding, (1, 1), False, (0, 0), 1, asked
    )
    return gradients


def _keeps_apart(convolution: nn.Conv2d) -> bool:
    """Whether columns of zeros can keep images apart: the padding is that of a size that is kept."""
    return (
        convolution.kernel_size[1] > 1
        and convolution.padding == tuple((size - 1) / 2 for size in convolution.kernel_size)
        and (convolution.dilation, convolution.groups) == ((1, 1), 1)
        and convolution.padding_mode == "zeros"
    )


def _find_width(width: int, stride: int) -> int:
    return -(-width // stride)
