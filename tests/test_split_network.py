"""Where a network can be cut between what is frozen and what is trained."""

from typing import Any

import pytest
import torch
from recipes import make_phase
from torch import Tensor, nn

from lineup.models import PixelModel
from lineup.models.timm import build
from lineup.precision import keep_depthwise_in_fp32
from lineup.training.freezing.freezer import Freezer
from lineup.training.freezing.split_network import SplitNetwork, compute_whole, find_split


class Block(nn.Module):
    """Two layers and a way past them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.norm, self.two = (
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Residual."""
        outputs: Tensor = images + self.two(self.norm(self.one(images)).relu())
        return outputs


def stack(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), Block(4), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )


def freeze(net: nn.Module, trainable: str | float) -> nn.Module:
    """`net` as it is trained in a phase with that `trainable`, without the feature cache."""
    model = PixelModel(net, (0.0,) * 3, (1.0,) * 3)
    freezer = Freezer(model)
    freezer.start(make_phase(trainable=trainable))
    model.train()
    freezer.hold_statistics()
    if freezer.memo:
        freezer.memo.close()
    return net


def find(net: nn.Module, size: int = 8) -> SplitNetwork | None:
    torch.manual_seed(0)
    return find_split(net, torch.randn(16, 3, size, size).contiguous(memory_format=torch.channels_last))


def name_of(net: nn.Module, cut: SplitNetwork | None) -> str | None:
    return next(name for name, module in net.named_modules() if module is cut.place) if cut else None


@pytest.mark.parametrize(
    ("trainable", "place"),
    [("head", "5"), ("2.two", "2"), ("2.one", "2"), ("1.norm", "1"), ("1", "1")],
)
def test_it_lies_before_the_block_that_is_trained_in_part(trainable: str, place: str) -> None:
    net = freeze(stack(Block(4)), trainable)
    assert name_of(net, find(net)) == place


class Misordered(nn.Module):
    """Its layers are defined in another order than they are used in."""

    def __init__(self) -> None:
        super().__init__()
        self.late, self.last, self.early = nn.Conv2d(4, 4, 1), nn.Linear(4, 2), nn.Conv2d(3, 4, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Early, late, last."""
        outputs: Tensor = self.last(self.late(self.early(images)).mean((2, 3)))
        return outputs


class Borrowed(Misordered):
    """Uses a layer's weights without calling it."""

    def forward(self, images: Tensor) -> Tensor:
        """As above, but no hook sees the layer that is trained."""
        outputs: Tensor = self.last(self.late(nn.functional.conv2d(images, self.early.weight)).mean((2, 3)))
        return outputs


class Around(nn.Module):
    """Something of the image goes past its head."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        """The logits, and the image's brightness."""
        outputs: Tensor = self.head(self.body(images).mean((2, 3))) + images.mean()
        return outputs


@pytest.mark.parametrize(
    "net",
    [
        pytest.param(freeze(stack(nn.Dropout(1e-9)), "head"), id="dropout"),
        pytest.param(freeze(stack(nn.BatchNorm2d(4, affine=False)), "head"), id="statistics"),
        pytest.param(freeze(Misordered(), "last"), id="order"),
        pytest.param(freeze(Borrowed(), "last"), id="borrowed"),
        pytest.param(freeze(Around(), "head"), id="around"),
    ],
)
def test_there_is_none_where_the_parts_are_not_the_whole(net: nn.Module) -> None:
    assert find(net) is None


def test_the_parts_leave_modules_as_they_are() -> None:
    net = nn.Sequential(nn.Conv2d(3, 3, 1, groups=3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    keep_depthwise_in_fp32(net)
    own = net[0].forward
    cut = find(freeze(net, "head"))
    assert cut
    images = torch.randn(16, 3, 8, 8)
    cut.compute_second(images, cut.compute_first(images))
    assert net[0].forward == own
    assert not any("forward" in module.__dict__ for module in net[1:])


def test_there_is_none_with_too_little_before_it() -> None:
    body = [nn.Dropout(0.1), Block(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)]
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(*body))
    assert find(freeze(net, "1.4")) is None


def test_looking_for_it_leaves_the_network_and_random_numbers_alone() -> None:
    net = freeze(stack(Block(4), nn.Dropout(0.5)), "2.two")
    before, numbers = {name: each.clone() for name, each in net.state_dict().items()}, torch.get_rng_state()
    torch.manual_seed(0)
    images = torch.randn(16, 3, 8, 8)
    torch.set_rng_state(numbers)
    assert find_split(net, images)
    assert all(torch.equal(each, before[name]) for name, each in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), numbers)
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


TIMM = [
    ("tf_efficientnet_b0", "conv_relu", "blocks.5.1.conv_pwl", "net.blocks.5.1"),
    ("tf_efficientnet_b0", "conv_tanh", "head", "net.classifier.0"),
    ("mobilenetv2_100", "linear", "blocks.4.1.conv_dw", "net.blocks.4.1"),
    ("tf_mobilenetv3_small_100", "pooled", "blocks.3.1.se.conv_reduce", "net.blocks.3.1"),
    ("resnet18", "linear", "layer4.1.conv2", "net.layer4.1"),
    ("vgg11", "pooled", "features.16", "net.features.16"),
    ("convnext_atto", "linear", "stages.3.blocks.1.mlp.fc1", "net.stages.3.blocks.1"),
    ("vit_tiny_patch16_224", "linear", "blocks.11.mlp.fc1", "net.blocks.11"),
]


@pytest.mark.parametrize(("arch", "head", "trainable", "place"), TIMM)
def test_networks_of_timm_give_the_same_bits_in_parts(
    arch: str, head: str, trainable: str, place: str
) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"img_size": 64} if arch.startswith("vit") else {}
    common: dict[str, Any] = {"outputs": 10, "channels": 3, "size": 32, "input_size": 64, "stem": "standard"}
    net = build(arch=arch, head=head, dropout=0.2, options=options, **common)
    keep_depthwise_in_fp32(net)
    freeze(net.to(memory_format=torch.channels_last), trainable)
    images = torch.randn(16, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        cut = find_split(net, images)
        assert name_of(net, cut) == place
        assert cut
        net.eval()
        with torch.no_grad():
            parts = cut.compute_second(images, cut.compute_first(images))
            assert torch.equal(parts, compute_whole(net, images))
            assert torch.equal(parts, net(images))
