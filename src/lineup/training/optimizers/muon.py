"""Muon: momentum, made orthogonal, for the kernels of a network (Jordan et al. 2024)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn, optim

# Newton-Schulz iteration X <- a X + (b A + c A^2) X with A = X X^T: these coefficients bring every singular
# value near 1 in few rounds (Jordan et al. 2024); near is enough.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ROUNDS = 3

# All else follows Nesterov's momentum at multiples of the kernels' rate. They look large because a kernel
# moves by a length that the rate alone decides, all else by the small gradient of a mean.
MATRIX_RATE, BIAS_RATE, REST_MOMENTUM = 0.085, 440.0, 0.85


def build(net: nn.Module, *, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Muon for kernels [out, in, h, w], Nesterov's momentum for dense and depthwise layers, biases, norms.

    lr: length of a kernel's step, a kernel being as long as the root of its output channels; weight_decay:
    the share of all else that a step takes away.
    """
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    kernels = [parameter for parameter in trained if parameter.ndim == 4 and parameter.shape[1] > 1]
    others = [parameter for parameter in trained if parameter.ndim != 4 or parameter.shape[1] == 1]
    matrices = [parameter for parameter in others if parameter.ndim > 1]
    vectors = [parameter for parameter in others if parameter.ndim <= 1]
    rest = {"momentum": REST_MOMENTUM, "weight_decay": weight_decay}
    groups = [
        {"params": kernels, "lr": lr, "momentum": momentum, "weight_decay": None},
        {"params": matrices, "lr": lr * MATRIX_RATE, **rest},
        {"params": vectors, "lr": lr * BIAS_RATE, **rest},
    ]
    return Muon([group for group in groups if group["params"]])


class Muon(optim.Optimizer):
    """Groups without weight decay hold kernels, which are turned; the others follow their gradient."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        for group in groups:
            group["full_lr"] = group["lr"]
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients."""
        for group in self.param_groups:
            update = _follow if group["weight_decay"] is not None else _turn
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state[parameter]
                    if not state:
                        state["velocity"] = torch.zeros_like(parameter)
                    update(parameter, state["velocity"], group)


def _turn(kernel: Tensor, velocity: Tensor, group: dict[str, Any]) -> None:
    """A step of fixed length from a kernel of fixed length, so that the rate means the same in every layer.

    Batch norm behind a kernel makes its length meaningless, only its direction counts.
    """
    assert kernel.grad is not None
    kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
    direction = orthogonalize(_look_ahead(kernel.grad, velocity, group["momentum"]).flatten(1))
    kernel.add_(direction.view(kernel.shape).to(kernel.dtype), alpha=-group["lr"])


def _follow(parameter: Tensor, velocity: Tensor, group: dict[str, Any]) -> None:
    assert parameter.grad is not None
    decayed = torch.add(parameter.grad, parameter, alpha=group["weight_decay"] / group["full_lr"])
    parameter.add_(_look_ahead(decayed, velocity, group["momentum"]), alpha=-group["lr"])


def _look_ahead(gradient: Tensor, velocity: Tensor, momentum: float) -> Tensor:
    velocity.mul_(momentum).add_(gradient)
    return gradient.add(velocity, alpha=momentum)


def orthogonalize(matrix: Tensor) -> Tensor:
    """The orthogonal matrix nearest to `matrix` [rows, columns], approximately, in bf16."""
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    turned: Tensor = (matrix if wide else matrix.T).bfloat16()
    turned = turned / (turned.norm() + 1e-7)
    for _ in range(ROUNDS):
        gram = turned @ turned.T
        turned = a * turned + (b * gram + c * gram @ gram) @ turned
    return turned if wide else turned.T
