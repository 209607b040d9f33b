"""Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013)."""

from torch import nn, optim


def build(net: nn.Module, *, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """The gradient is taken where momentum leads; momentum must be above 0."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return optim.SGD(trained, lr, momentum, weight_decay=weight_decay, nesterov=True, fused=True)
