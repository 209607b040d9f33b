"""RMSprop (Tieleman and Hinton 2012)."""

from torch import nn, optim


def build(net: nn.Module, *, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Squares are forgotten at 0.9 and eps is 1e-7, as in Keras and in Hinton's lecture."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return optim.RMSprop(trained, lr, alpha=0.9, momentum=momentum, weight_decay=weight_decay, eps=1e-7)
