"""Features of a frozen base: the same bits, computed once an image."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from test_fit import make_pack, same
from torch import Tensor, nn

from lineup.models import PixelModel
from lineup.models.timm import Classifier, build
from lineup.precision import keep_depthwise_in_fp32
from lineup.tasks import classification
from lineup.training import memo as memo_module
from lineup.training.checkpoint import Checkpoint
from lineup.training.fit import Fitted, Trainer
from lineup.training.memo import Memo

UNVARIED: dict[str, Any] = {
    "flip": "none", "crop": 0, "rotate": 0.0, "shift": [0.0, 0.0], "fill": "zeros", "cutout": 0,
    "jitter": [0.0] * 4,
}  # fmt: skip
RECIPE: dict[str, Any] = {
    "epochs": 4, "batch_size": 16, "optimizer": "adam", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0,
    "schedule": {"name": "constant"}, "smoothing": 0.0, "ema": 0.0, "patience": 0,
    "keep": "last", "precision": "fp32", "threads": 2, "trainable": "head", "phases": {},
}  # fmt: skip
IMAGES, HELD_OUT = 64, 16


class Counted(nn.Conv2d):
    """A convolution that notes how many images it has seen."""

    images = 0

    def forward(self, images: Tensor) -> Tensor:
        """As any convolution."""
        self.images += len(images)
        return super().forward(images)


def make_model(extra: nn.Module | None = None) -> PixelModel:
    torch.manual_seed(0)
    # 5x5: of smaller kernels torch computes a lone image in fp32 in another way (the last test has more).
    base = [Counted(3, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    net = nn.Sequential(*base, *([extra] if extra else []), Classifier(6, 4, 0.3, ()))
    return PixelModel(net, (100.0,) * 3, (60.0,) * 3)


def train(model: PixelModel, folder: Path, augment: dict[str, Any] | None = None, **recipe: Any) -> Fitted:
    torch.manual_seed(1)
    return Trainer(
        model,
        make_pack(IMAGES + HELD_OUT),
        classification,
        recipe={**RECIPE, **recipe},
        augmentation={**UNVARIED, **(augment or {})},
        seed=0,
        device=torch.device("cpu"),
        channels_last=True,
        checkpoint=Checkpoint(folder / "state.pt", "one"),
        label="run",
    ).fit()


def count(model: PixelModel) -> int:
    """Images that the base has seen, without those of the two looks before the first step."""
    first = model.net.get_submodule("0")
    assert isinstance(first, Counted)
    return first.images - 4


@contextmanager
def without_memo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memo, "_is_repeatable", lambda *_: False)
        yield


@pytest.mark.parametrize("recipe", [{}, {"ema": 0.9}, {"precision": "bf16"}], ids=str)
@pytest.mark.parametrize("flip", ["none", "random"])
def test_training_gives_the_same_bits(tmp_path: Path, recipe: dict[str, Any], flip: str) -> None:
    with without_memo():
        expected = train(make_model(), tmp_path, {"flip": flip}, **recipe)
    assert same(train(make_model(), tmp_path, {"flip": flip}, **recipe), expected)


def test_each_image_passes_the_base_once(tmp_path: Path) -> None:
    model = make_model()
    train(model, tmp_path)
    assert count(model) == IMAGES + HELD_OUT


def test_both_views_of_flips_pass_the_base_once(tmp_path: Path) -> None:
    model = make_model()
    train(model, tmp_path, {"flip": "random"}, epochs=30)
    assert count(model) == 2 * IMAGES + HELD_OUT


def test_it_gives_up_where_no_image_comes_twice(tmp_path: Path) -> None:
    model = make_model()
    train(model, tmp_path, {"rotate": 30.0}, epochs=4)
    # In two epochs it still looks, and knows the held-out images in the second; then both epochs in full.
    assert count(model) == 4 * IMAGES + 3 * HELD_OUT
    assert "forward" not in model.net.__dict__


def test_the_next_phase_computes_its_base_again(tmp_path: Path) -> None:
    model = make_model()
    phases = {"head": {"epochs": 2}, "whole": {"epochs": 3, "trainable": "all"}}
    train(model, tmp_path, phases=phases)
    assert count(model) == (IMAGES + HELD_OUT) * 4


def close_to_head(module: nn.Module) -> PixelModel:
    return make_model(extra=module)


class Doubled(nn.Sequential):
    """Does something behind its head."""

    def forward(self, images: Tensor) -> Tensor:
        """Twice the logits."""
        outputs: Tensor = 2 * super().forward(images)
        return outputs


def behind_head() -> PixelModel:
    model = make_model()
    return PixelModel(Doubled(*model.net.children()), (100.0,) * 3, (60.0,) * 3)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(close_to_head(nn.Dropout(0.1)), id="dropout"),
        pytest.param(close_to_head(nn.BatchNorm1d(6, affine=False)), id="statistics"),
        pytest.param(behind_head(), id="behind"),
    ],
)
def test_a_base_that_is_more_than_a_function_of_the_image_is_left_alone(
    model: PixelModel, tmp_path: Path
) -> None:
    train(model, tmp_path, epochs=3)
    assert "forward" not in model.net.__dict__
    assert count(model) >= 3 * (IMAGES + HELD_OUT) - 4


def test_what_does_not_fit_is_computed_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = 20
    monkeypatch.setattr(memo_module, "BYTES", kept * 6 * 4)
    with without_memo():
        expected = train(make_model(), tmp_path)
    model = make_model()
    assert same(train(model, tmp_path), expected)
    assert count(model) == 4 * (IMAGES + HELD_OUT) - 3 * kept


def make_base(arch: str) -> tuple[nn.Module, Tensor]:
    """A network as transfer has it, and sixteen images."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"channels": 3, "size": 32, "stem": "standard", "dropout": 0.0, "options": {}}
    net = build(outputs=10, arch=arch, input_size=64, head="linear", **options)
    keep_depthwise_in_fp32(net)
    net.eval().to(memory_format=torch.channels_last)
    return net, torch.randn(16, 3, 32, 32).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("arch", ["tf_mobilenetv3_small_100", "resnet18"])
def test_in_bf16_features_do_not_depend_on_the_rest_of_the_batch(arch: str) -> None:
    net, images = make_base(arch)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        together = net(images)
        assert torch.equal(together[:3], net(images[:3]))
        assert torch.equal(together.flip(0), net(images.flip(0)))


def test_in_fp32_a_lone_image_differs_in_the_last_bits_at_most() -> None:
    """ATen's use_mkldnn leaves a batch of one, if it and the kernel are small, to another convolution."""
    net, images = make_base("resnet18")
    with torch.no_grad():
        together = net(images)
        torch.testing.assert_close(together[:1], net(images[:1]), rtol=1e-5, atol=1e-5)
