"""Networks: their shapes, and parameter counts against those that the reports and Keras print."""

from typing import Any

import pytest
import torch
from torch import nn

from lineup.config.params import load
from lineup.models import PixelModel, count_parameters, rebuild

MODELS = load().models
D3 = MODELS["cnn"]["d3"].model_dump()


def make(family: str, spec: dict[str, Any], size: int = 32, channels: int = 3) -> PixelModel:
    scale = {"mean": (0.0,) * channels, "std": (255.0,) * channels}
    facts = {"classes": [str(index) for index in range(10)], "channels": channels, "size": size, **scale}
    return rebuild({"family": family, "spec": spec, **facts})


def timm_spec(arch: str, **changes: Any) -> dict[str, Any]:
    return {"arch": arch, "stem": "standard", "input_size": None, "dropout": 0.0, "options": {}, **changes}


@pytest.mark.parametrize(
    ("name", "parameters", "trainable"),
    [
        ("d3", 622_282, 621_322),  # printed by report D
        ("b1", 3_278_806, 3_278_806),  # by hand: 896 + (32 * 32 * 32 + 1) * 100 + 1,010
        # Convolutions with bias and four batch norm values a filter, then the two dense layers.
        ("b4", 1_024 + 18_752 + 37_184 + 74_368 + 148_096 + 13_300 + 1_010, None),
    ],
)
def test_parameter_counts(name: str, parameters: int, trainable: int | None) -> None:
    counted = count_parameters(make("cnn", MODELS["cnn"][name].model_dump()))
    assert counted[0] == parameters
    assert trainable in (None, counted[1])


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


ARCHITECTURES = ["resnet18", "mobilenetv3_small_100", "efficientnet_b0", "convnext_atto", "regnetx_002"]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_any_timm_model_is_one_entry_away(arch: str) -> None:
    assert make("timm", timm_spec(arch)).eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
