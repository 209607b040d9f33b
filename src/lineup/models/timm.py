"""Any architecture of timm, with its stem fitted to small images and its head chosen where asked."""

from collections.abc import Mapping
from typing import Any

import timm
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import Tensor, nn
from torch.nn import functional

from lineup.errors import LineupError
from lineup.models.small_feature_maps import speed_up

# Between features and classifier, some of timm's nets have hidden layers of these names.
HIDDEN = ("pre_logits", "conv_head", "norm_head", "act2")
CONV_DROPOUT = 0.3


class Upsampled(nn.Module):
    """A network behind a bilinear enlargement of its input to `size` x `size` pixels.

    Pixels are taken as areas (align_corners=False), as TensorFlow, Keras and PIL resize; antialiasing would
    change nothing, since it only concerns reductions.
    """

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net = net
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """Enlarge images [n, c, h, w] and apply the network."""
        larger = functional.interpolate(
            images, size=(self.size, self.size), mode="bilinear", align_corners=False
        )
        outputs: Tensor = self.net(larger)
        return outputs


class Classifier(nn.Linear):
    """A dense layer behind dropout that is a module, so that a phase of training can set its rate.

    stands_for: the layers of the architecture in whose place it stands; weights of these need not fit.
    """

    def __init__(self, features: int, outputs: int, dropout: float, stands_for: tuple[str, ...]) -> None:
        super().__init__(features, outputs)
        self.dropout = nn.Dropout(dropout)
        self.stands_for = stands_for

    def forward(self, features: Tensor) -> Tensor:
        """Features [n, features] to logits [n, outputs]."""
        return super().forward(self.dropout(features))


class ConvHead(nn.Sequential):
    """Report C's head: conv 128, dropout, conv 64, global average pooling, dense 128, dropout, dense.

    It takes feature maps [n, features, h, w]. `dropout` is the rate before the last layer. Kernels of 3x3
    with padding are our choice, the report names none. stands_for: see Classifier.
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        dropout: float,
        activation: type[nn.Module],
        stands_for: tuple[str, ...],
    ) -> None:
        super().__init__(
            nn.Conv2d(features, 128, 3, padding=1), activation(), nn.Dropout(CONV_DROPOUT),
            nn.Conv2d(128, 64, 3, padding=1), activation(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(64, 128), activation(), nn.Dropout(dropout), nn.Linear(128, outputs),
        )  # fmt: skip
        self.stands_for = stands_for


def build(
    *,
    outputs: int,
    channels: int,
    size: int,
    arch: str,
    stem: str,
    input_size: int | None,
    head: str,
    dropout: float,
    options: Mapping[str, Any],
) -> nn.Module:
    """Build timm's `arch`, with `options` handed on to it.

    The network turns images [n, channels, size, size] into logits [n, outputs].
    stem: standard, or cifar (without the first two halvings); input_size: enlarge the images to this side
    first, or null; head: linear (timm's own), pooled (features, their mean, one dense layer: Keras' networks
    without top), conv_relu or conv_tanh (report C's); dropout: its rate before the last layer.
    Raises LineupError for a head that the architecture cannot have.
    """
    net: nn.Module = timm.create_model(
        arch, pretrained=False, num_classes=outputs, in_chans=channels, **options
    )
    if stem == "cifar":
        _fit_stem(net)
    _fit_head(net, arch, head, dropout, outputs)
    speed_up(net)
    return Upsampled(net, input_size) if input_size and input_size != size else net


def _fit_head(net: Any, arch: str, head: str, dropout: float, outputs: int) -> None:
    """Put the head asked for in the place of the classifier; names and shapes of a linear one stay timm's."""
    classifier = net.get_classifier()
    name = next((name for name, module in net.named_modules() if module is classifier), "")
    if not isinstance(classifier, nn.Linear):
        if head != "linear" or dropout:
            found = f"head {head} with dropout {dropout:g}, but its classifier is not one dense layer"
            raise LineupError(arch, found, "head linear with dropout 0", "choose these or another model")
        return
    if head == "linear":
        _put(net, name, Classifier(classifier.in_features, outputs, dropout, (name,)))
        return
    stands_for = (*_leave_out_hidden(net, arch, head), name)
    if head == "pooled":
        _put(net, name, Classifier(net.num_features, outputs, dropout, stands_for))
        return
    if getattr(net, "output_fmt", "NCHW") != "NCHW" or not _has_pool(net):
        raise LineupError(
            arch, f"head {head}", "a network that pools feature maps", "choose linear or pooled"
        )
    net.reset_classifier(0, "")
    activation = {"conv_relu": nn.ReLU, "conv_tanh": nn.Tanh}[head]
    _put(net, name, ConvHead(net.num_features, outputs, dropout, activation, stands_for))


def _leave_out_hidden(net: Any, arch: str, head: str) -> list[str]:
    """Remove hidden layers between the features and the classifier, and return their names."""
    if net.head_hidden_size == net.num_features:
        return []
    names = [name for name in HIDDEN if hasattr(net, name)]
    if not names:
        found = f"head {head}, but it has hidden layers of its own kind before the classifier"
        raise LineupError(arch, found, "a network with known hidden layers", "choose head linear")
    for name in names:
        setattr(net, name, nn.Identity())
    return names


def _has_pool(net: nn.Module) -> bool:
    return any(isinstance(module, SelectAdaptivePool2d) for module in net.modules())


def _put(net: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(net.get_submodule(parent), leaf, module)


def _fit_stem(net: nn.Module) -> None:
    """Leave out the first two halvings, so that 32-pixel images keep their resolution.

    The first convolution becomes 3x3 with stride 1; the first max-pooling goes, or, in networks without one,
    the next convolution with a stride loses it.
    """
    convolutions = [(name, layer) for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d)]
    name, first = convolutions[0]
    conv = nn.Conv2d(first.in_channels, first.out_channels, 3, padding=1, bias=first.bias is not None)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    _put(net, name, conv)
    if hasattr(net, "maxpool"):
        net.maxpool = nn.Identity()
    else:
        next(layer for _, layer in convolutions[1:] if layer.stride != (1, 1)).stride = (1, 1)
