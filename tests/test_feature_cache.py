"""Features of a frozen base: the same bits, computed once an image."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from recipes import make_augmentation, make_recipe
from test_fit import make_dataset, same
from torch import Tensor, nn

from lineup.console import Stopped
from lineup.models import PixelModel
from lineup.models.timm import Classifier, build
from lineup.precision import keep_depthwise_in_fp32
from lineup.tasks import classification
from lineup.training import fit
from lineup.training.checkpoint import Checkpoint
from lineup.training.fit import Fitted, Trainer
from lineup.training.freezing import feature_cache
from lineup.training.freezing.feature_cache import TOGETHER, _compute, _stack
from lineup.training.freezing.freezer import set_trainable
from lineup.training.freezing.split_network import find_split

RECIPE: dict[str, Any] = {
    "epochs": 4, "batch_size": 16, "lr": 0.01, "checkpoint": "last", "precision": "fp32", "trainable": "head",
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
        make_dataset(IMAGES + HELD_OUT),
        classification,
        recipe=make_recipe(**{**RECIPE, **recipe}),
        augmentation=make_augmentation(**(augment or {})),
        seed=0,
        device=torch.device("cpu"),
        channels_last=True,
        checkpoint=Checkpoint(folder / "state.pt", "one"),
        label="run",
    ).fit()


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only images that are needed pass the base, and one for the look before the first step."""
    monkeypatch.setattr(feature_cache, "TOGETHER", 1)


def count(model: PixelModel) -> int:
    """Images that the base has seen, without that of the look before the first step."""
    first = model.net.get_submodule("0")
    assert isinstance(first, Counted)
    return first.images - 1


@contextmanager
def without_cache() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_cache, "find_split", lambda *_: None)
        yield


@pytest.mark.parametrize("recipe", [{}, {"ema_decay": 0.9}, {"precision": "bf16"}], ids=str)
@pytest.mark.parametrize("flip", ["none", "random"])
def test_training_gives_the_same_bits(tmp_path: Path, recipe: dict[str, Any], flip: str) -> None:
    with without_cache():
        expected = train(make_model(), tmp_path, {"flip": flip}, **recipe)
    assert same(train(make_model(), tmp_path, {"flip": flip}, **recipe), expected)


class Residual(nn.Module):
    """A block with statistics and dropout, which is trained in part."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.drop = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Dropout(0.2)

    def forward(self, images: Tensor) -> Tensor:
        """Residual."""
        outputs: Tensor = images + self.drop(self.norm(self.one(images)))
        return outputs


def make_residual() -> PixelModel:
    torch.manual_seed(0)
    base = [Counted(3, 6, 5, stride=4), nn.BatchNorm2d(6), Residual(), nn.ReLU()]
    net = nn.Sequential(*base, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Classifier(6, 4, 0.3, ()))
    return PixelModel(net, (100.0,) * 3, (60.0,) * 3)


@pytest.mark.parametrize("recipe", [{}, {"ema_decay": 0.9}, {"precision": "bf16"}], ids=str)
def test_layers_before_those_that_are_trained_are_computed_once(
    tmp_path: Path, recipe: dict[str, Any]
) -> None:
    with without_cache():
        expected = train(make_residual(), tmp_path, trainable="2.norm", **recipe)
    model = make_residual()
    assert same(train(model, tmp_path, trainable="2.norm", **recipe), expected)
    averaged = 0 if "ema_decay" not in recipe else HELD_OUT  # which its copy computes
    assert count(model) == IMAGES + HELD_OUT - averaged + TOGETHER - 1


@pytest.mark.usefixtures("one_by_one")
def test_each_image_passes_the_base_once(tmp_path: Path) -> None:
    model = make_model()
    train(model, tmp_path)
    assert count(model) == IMAGES + HELD_OUT


@pytest.mark.usefixtures("one_by_one")
def test_both_views_of_flips_pass_the_base_once(tmp_path: Path) -> None:
    model = make_model()
    train(model, tmp_path, {"flip": "random"}, epochs=30)
    assert count(model) == 2 * IMAGES + HELD_OUT


@pytest.mark.usefixtures("one_by_one")
def test_it_gives_up_where_no_image_comes_twice(tmp_path: Path) -> None:
    model = make_model()
    train(model, tmp_path, {"rotate": 30.0}, epochs=4)
    # In two epochs it still looks, and knows the held-out images in the second; then both epochs in full.
    assert count(model) == 4 * IMAGES + 3 * HELD_OUT


@pytest.mark.usefixtures("one_by_one")
def test_the_next_phase_computes_its_base_again(tmp_path: Path) -> None:
    model = make_model()
    phases = {"head": {"epochs": 2}, "whole": {"epochs": 3, "trainable": "all"}}
    train(model, tmp_path, phases=phases)
    assert count(model) == (IMAGES + HELD_OUT) * 4


def close_to_head(module: nn.Module) -> PixelModel:
    return make_model(extra=module)


class Around(nn.Sequential):
    """Something of the image goes past the head."""

    def forward(self, images: Tensor) -> Tensor:
        """The logits, and the image's brightness."""
        outputs: Tensor = super().forward(images) + images.mean((1, 2, 3))[:, None]
        return outputs


def around_head() -> PixelModel:
    model = make_model()
    return PixelModel(Around(*model.net.children()), (100.0,) * 3, (60.0,) * 3)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(close_to_head(nn.Dropout(0.1)), id="dropout"),
        pytest.param(close_to_head(nn.BatchNorm1d(6, affine=False)), id="statistics"),
        pytest.param(around_head(), id="around"),
    ],
)
def test_a_base_that_is_more_than_a_function_of_the_image_is_left_alone(
    model: PixelModel, tmp_path: Path
) -> None:
    train(model, tmp_path, epochs=3)
    assert "forward" not in model.net.__dict__
    assert count(model) >= 3 * (IMAGES + HELD_OUT) - 1


@pytest.mark.usefixtures("one_by_one")
def test_what_does_not_fit_is_computed_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = 20
    monkeypatch.setattr(feature_cache, "BYTES", kept * 6 * 4)
    with without_cache():
        expected = train(make_model(), tmp_path)
    model = make_model()
    assert same(train(model, tmp_path), expected)
    assert count(model) == 4 * (IMAGES + HELD_OUT) - 3 * kept


@pytest.mark.parametrize(("augment", "stop_at"), [({"flip": "random"}, 5), ({"rotate": 30.0}, 11)])
def test_a_stopped_training_in_fp32_goes_on_bit_for_bit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_thread: None,
    augment: dict[str, Any],
    stop_at: int,
) -> None:
    """Fewer than sixteen images may have other last bits.

    With flips half a batch is missing in the second epoch, but all of it after the stop; with rotation the
    cache has stopped looking, but looks again, and the last batch has eight images.
    """
    recipe = {"batch_size": 28, "epochs": 5}
    expected = train(make_pointwise(), tmp_path / "a", augment, **recipe)
    steps, step = 0, Trainer._step

    def step_until_stopped(self: Trainer, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal steps
        steps += 1
        if steps == stop_at:
            raise Stopped(15)
        return step(self, images, labels)

    monkeypatch.setattr(fit, "SECONDS_UNINTERRUPTED", 0.0)  # so that each step is a group of its own
    monkeypatch.setattr(Trainer, "_step", step_until_stopped)
    with pytest.raises(Stopped):
        train(make_pointwise(), tmp_path / "b", augment, **recipe)
    assert same(train(make_pointwise(), tmp_path / "b", augment, **recipe), expected)


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_pointwise() -> PixelModel:
    """A base whose convolution is done in another way for fewer than sixteen images (ATen's use_mkldnn)."""
    torch.manual_seed(0)
    base = [nn.Conv2d(3, 256, 3), nn.Conv2d(256, 64, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return PixelModel(nn.Sequential(*base, Classifier(64, 4, 0.3, ())), (100.0,) * 3, (60.0,) * 3)


def make_base(arch: str) -> tuple[nn.Module, Tensor]:
    """A network as transfer has it, and sixteen images."""
    torch.manual_seed(0)
    options: dict[str, Any] = {"channels": 3, "size": 32, "stem": "standard", "dropout": 0.0, "options": {}}
    net = build(outputs=10, arch=arch, input_size=64, head="linear", **options)
    keep_depthwise_in_fp32(net)
    net.eval().to(memory_format=torch.channels_last)
    return net, torch.randn(16, 3, 32, 32).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("layout", [(0, 1, 2, 3), (0, 3, 1, 2)])
def test_rows_become_a_batch_of_the_same_layout(layout: tuple[int, ...]) -> None:
    batch = torch.randn(4, 5, 6, 7).permute(layout)
    again = _stack(list(batch))
    assert torch.equal(again, batch)
    assert again.stride() == batch.stride()


@pytest.mark.parametrize("arch", ["tf_mobilenetv3_small_100", "resnet18"])
def test_in_bf16_features_do_not_depend_on_the_rest_of_the_batch(arch: str) -> None:
    net, images = make_base(arch)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        together = net(images)
        assert torch.equal(together[:3], net(images[:3]))
        assert torch.equal(together.flip(0), net(images.flip(0)))


def test_in_fp32_features_do_not_depend_on_how_many_are_missing() -> None:
    """ATen's use_mkldnn leaves a batch of one, if it and the kernel are small, to another convolution."""
    net, images = make_base("resnet18")
    with torch.no_grad():
        together = net(images)
        torch.testing.assert_close(together[:1], net(images[:1]), rtol=1e-5, atol=1e-5)
    set_trainable(PixelModel(net, (0.0,) * 3, (1.0,) * 3), "head")
    cut = find_split(net, images)
    assert cut
    together = _compute(cut, images)
    assert torch.equal(together[:1], _compute(cut, images[:1]))
    assert torch.equal(together[3:10], _compute(cut, images[3:10]))
