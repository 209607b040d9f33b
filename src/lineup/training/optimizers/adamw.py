"""Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

from torch import nn, optim


def build(net: nn.Module, *, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """The momentum is beta1. Biases and normalisation weights decay like the rest, as in the frameworks."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return optim.AdamW(trained, lr, (momentum, 0.999), weight_decay=weight_decay, fused=True)
