"""RMSprop (Tieleman and Hinton 2012)."""

from torch import nn, optim

# Keras adds 1e-7 to the mean square before it takes the root, torch adds eps to the root: hence its root.
# With 1e-7 itself, steps where gradients are small are far longer: C2 unlearned after its sixth epoch.
EPS = 1e-7**0.5


def build(net: nn.Module, *, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Squares are forgotten at 0.9, as in Keras and in Hinton's lecture."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    return optim.RMSprop(trained, lr, alpha=0.9, momentum=momentum, weight_decay=weight_decay, eps=EPS)
