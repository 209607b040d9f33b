"""Networks: their shapes, and parameter counts against those that the reports and Keras print."""

from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

from lineup.config.params import load
from lineup.errors import LineupError
from lineup.models import PixelModel, build_model, count_parameters
from lineup.models.timm import Upsampled

MODELS = load().models
D3 = MODELS["cnn"]["d3"].model_dump()


def make(family: str, spec: dict[str, Any], size: int = 32, channels: int = 3) -> PixelModel:
    scale = {"mean": (0.0,) * channels, "std": (255.0,) * channels}
    return build_model(family, spec, outputs=10, channels=channels, size=size, **scale)


def timm_spec(arch: str, **changes: Any) -> dict[str, Any]:
    plain = {"stem": "standard", "input_size": None, "head": "linear", "dropout": 0.0, "options": {}}
    return {"arch": arch, **plain, **changes}


@pytest.mark.parametrize(
    ("name", "parameters", "trainable"),
    [
        ("d3", 622_282, 621_322),  # printed by report D
        ("b1", 3_278_806, 3_278_806),  # by hand: 896 + (32 * 32 * 32 + 1) * 100 + 1,010
        # Convolutions with bias and four batch norm values a filter, then the two dense layers.
        ("b4", 1_024 + 18_752 + 37_184 + 74_368 + 148_096 + 13_300 + 1_010, None),
        ("b10", 2_048 + 37_184 + 74_368 + 148_096 + 296_192 + 591_104 + 26_100 + 1_010, None),  # MFM-24
    ],
)
def test_parameter_counts(name: str, parameters: int, trainable: int | None) -> None:
    counted = count_parameters(make("cnn", MODELS["cnn"][name].model_dump()))
    assert counted[0] == parameters
    assert trainable in (None, counted[1])


def test_alexnet_has_the_dense_layers_of_torchvisions_and_a_stem_for_small_images() -> None:
    model = make("torchvision", MODELS["torchvision"]["alexnet"].model_dump())
    # torchvision's with other ends: ten classes, an 11x11 stem turned 3x3, maps of 3x3 instead of 6x6 pixels.
    ends = 4_097_000 - 40_970 + 23_296 - 1_792 + (36 - 9) * 256 * 4096
    expected = 61_100_840 - ends
    assert count_parameters(model) == (expected, expected)
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_mobilenetv2_with_cifar_stem_has_torchvisions_parameters() -> None:
    model = make("timm", timm_spec("mobilenetv2_100", stem="cifar"))
    # torchvision's less its 1,000-class head, plus ours: the stem only loses strides.
    assert count_parameters(model)[1] == 3_504_872 - 1_281_000 + 12_810
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_our_networks_are_not_larger_than_the_reports() -> None:
    sizes = {
        name: count_parameters(make("fast", spec.model_dump()))[0] for name, spec in MODELS["fast"].items()
    }
    assert sizes["small"] <= 650_000
    assert sizes["mfm"] <= count_parameters(make("cnn", MODELS["cnn"]["b10"].model_dump()))[0]


@pytest.mark.parametrize("name", sorted(MODELS["cnn"]))
def test_every_declared_cnn_gives_logits(name: str) -> None:
    channels = 1 if name.startswith("c") else 3
    model = make("cnn", MODELS["cnn"][name].model_dump(), channels=channels)
    images = torch.zeros(2, channels, 32, 32, dtype=torch.uint8)
    assert model(images).shape == (2, 10)


def test_normalisation_is_part_of_the_model() -> None:
    model = make("cnn", D3).eval()
    raw = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(model(raw), model.net(raw.float() / 255))
    assert not {"mean", "std"} & set(model.state_dict())


def test_pooling_before_the_activation_changes_no_bit() -> None:
    net = make("cnn", D3).net
    assert isinstance(net, nn.Sequential)
    conv, norm, pool, relu = list(net)[:4]
    images = torch.randn(4, 3, 32, 32)
    assert torch.equal(relu(pool(norm(conv(images)))), pool(relu(norm(conv(images)))))
    assert isinstance(pool, nn.MaxPool2d)


def test_weights_start_as_in_keras() -> None:
    dense = next(module for module in make("cnn", D3).net.modules() if isinstance(module, nn.Linear))
    limit = (6 / (dense.in_features + dense.out_features)) ** 0.5
    assert dense.bias.abs().max() == 0
    assert 0.99 * limit < dense.weight.abs().max() <= limit


def test_an_mlp_without_layers_is_logistic_regression() -> None:
    assert count_parameters(make("mlp", {"layers": [], "dropout": 0.0}, size=8, channels=1)) == (650, 650)


def test_resnet18_with_cifar_stem_keeps_the_resolution() -> None:
    model = make("timm", timm_spec("resnet18", stem="cifar"))
    # torchvision's 11,689,512 less its 1,000-class head and 7x7 stem, plus ours.
    expected = 11_689_512 - 513_000 + 5_130 - 9_408 + 1_728
    assert count_parameters(model)[1] == expected
    sides: list[int] = []
    net: Any = model.net
    net.layer1.register_forward_hook(lambda _module, _inputs, output: sides.append(output.shape[-1]))
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert sides == [32]


def test_images_are_enlarged_inside_the_model() -> None:
    model = make("timm", timm_spec("mobilenetv2_100", input_size=64))
    seen: list[torch.Size] = []
    conv = next(module for module in model.net.modules() if isinstance(module, nn.Conv2d))
    conv.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0].shape))
    model(torch.zeros(1, 3, 32, 32))
    assert seen == [(1, 3, 64, 64)]
    # Keras' MobileNetV2 with a head of 10: report D prints 2,270,794, all but 34,112 statistics trainable.
    assert count_parameters(model) == (2_270_794, 2_270_794 - 34_112)


# Small ones of different families.
ARCHITECTURES = [
    "convnext_atto",
    "densenet121",
    "dla46_c",
    "edgenext_xx_small",
    "efficientnet_b0",
    "fastvit_t8",
    "ghostnet_050",
    "inception_v3",
    "lcnet_035",
    "mixer_s32_224",
    "mobilenetv2_035",
    "mobilenetv3_small_050",
    "mobilevit_xxs",
    "poolformer_s12",
    "pvt_v2_b0",
    "regnetx_002",
    "repvgg_a0",
    "resnet18",
    "starnet_s1",
    "swin_s3_tiny_224",
    "vgg11",
    "vit_tiny_patch16_224",
]


def list_shapes(net: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_any_timm_model_is_one_entry_away(arch: str) -> None:
    with torch.device("meta"):  # where every shape is computed, and no number
        model = make("timm", timm_spec(arch), size=224).eval()
        assert model(torch.zeros(1, 3, 224, 224)).shape == (1, 10)
        assert list_shapes(model.net) == list_shapes(timm.create_model(arch, num_classes=10))


@pytest.mark.parametrize("side", [75, 96, 224])
def test_images_of_32_pixels_are_enlarged_bilinearly_as_pillow_does(side: int) -> None:
    pixels = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8)
    planes = Upsampled(nn.Identity(), side)(pixels.permute(2, 0, 1)[None].float())
    picture = Image.fromarray(pixels.numpy()).resize((side, side), Image.Resampling.BILINEAR)
    difference = planes[0].permute(1, 2, 0) - torch.from_numpy(np.array(picture)).float()
    assert difference.abs().max() < 1.01  # Pillow rounds twice


def test_dropout_of_the_linear_head_is_a_module_that_drops() -> None:
    model = make("timm", timm_spec("mobilenetv2_035", dropout=0.5))
    dropouts = [module for module in model.net.modules() if isinstance(module, nn.Dropout) and module.p]
    assert [module.p for module in dropouts] == [0.5]
    seen: list[torch.Tensor] = []
    dropouts[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    model(torch.rand(2, 3, 32, 32))
    assert (seen[0] == 0).float().mean() > 0.4


@pytest.mark.parametrize(
    ("arch", "head", "parameters"),
    [
        # Keras' networks without top: 939,120; 4,049,564 (without its normalisation layer); 14,714,688.
        ("tf_mobilenetv3_small_100", "pooled", 939_120 + 5_770),
        ("efficientnet_b0", "pooled", 4_049_564 + 12_810),
        ("vgg16", "pooled", 14_714_688 + 5_130),
        # conv 128, conv 64, dense 128, dense 10.
        ("efficientnet_b0", "conv_relu", 4_049_564 + 1_474_688 + 73_792 + 8_320 + 1_290),
        ("vgg16", "conv_tanh", 14_714_688 + 589_952 + 73_792 + 8_320 + 1_290),
    ],
)
def test_heads_have_the_parameters_that_keras_counts(arch: str, head: str, parameters: int) -> None:
    with torch.device("meta"):
        model = make("timm", timm_spec(arch, head=head, input_size=96)).eval()
        assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert count_parameters(model)[0] == parameters


@pytest.mark.parametrize(("head", "activation"), [("conv_relu", nn.ReLU), ("conv_tanh", nn.Tanh)])
def test_report_cs_head_is_as_it_says(head: str, activation: type[nn.Module]) -> None:
    with torch.device("meta"):
        net: Any = make("timm", timm_spec("efficientnet_b0", head=head, dropout=0.4)).net
    kinds = (nn.Conv2d, activation, nn.Dropout, nn.Conv2d, activation, nn.AdaptiveAvgPool2d, nn.Flatten)
    kinds += (nn.Linear, activation, nn.Dropout, nn.Linear)
    assert len(net.classifier) == len(kinds)
    assert all(isinstance(layer, kind) for layer, kind in zip(net.classifier, kinds, strict=True))
    assert [layer.p for layer in net.classifier if isinstance(layer, nn.Dropout)] == [0.3, 0.4]


@pytest.mark.parametrize(
    ("arch", "changes"),
    [
        ("swin_s3_tiny_224", {"head": "conv_relu"}),  # features are not laid out as maps
        ("vit_tiny_patch16_224", {"head": "conv_tanh"}),
        ("dla46_c", {"dropout": 0.1}),  # its classifier is a convolution
        ("efficientvit_b0", {"head": "pooled"}),
    ],
)
def test_a_head_that_a_network_cannot_have_is_refused(arch: str, changes: dict[str, Any]) -> None:
    with torch.device("meta"), pytest.raises(LineupError, match=f"{arch}: head"):
        make("timm", timm_spec(arch, **changes))
