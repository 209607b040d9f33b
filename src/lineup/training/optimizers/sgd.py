"""Stochastic gradient descent with momentum."""

from torch import nn, optim


def build(net: nn.Module, *, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Plain momentum; 0 for none."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return optim.SGD(trained, lr, momentum, weight_decay=weight_decay, fused=True)
