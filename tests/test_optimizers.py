"""Optimizers by name."""

import copy
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from recipes import make_phase
from torch import Tensor, nn, optim

from lineup.config.schema import Optimizer
from lineup.training import optimizers
from lineup.training.fit import build_optimizer
from lineup.training.optimizers.muon import orthogonalize

OPTIONS = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
NAMES = sorted(get_args(Optimizer))


def test_params_may_name_exactly_the_optimizers_that_are_there() -> None:
    folder = Path(str(optimizers.__file__)).parent
    assert sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__") == NAMES


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("sgd", optim.SGD, {"momentum": 0.9, "nesterov": False}),
        ("nesterov", optim.SGD, {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", optim.RMSprop, {"alpha": 0.9, "eps": 1e-7**0.5}),
        ("adam", optim.Adam, {"betas": (0.9, 0.999), "decoupled_weight_decay": False}),
        ("adamw", optim.AdamW, {"betas": (0.9, 0.999), "decoupled_weight_decay": True}),
    ],
)
def test_names_mean_their_optimizers(name: str, kind: type, values: dict[str, Any]) -> None:
    optimizer = build_optimizer(nn.Linear(2, 2), make_phase(optimizer=name, **OPTIONS))
    assert isinstance(optimizer, kind)
    group = optimizer.param_groups[0]
    assert {key: group[key] for key in values} == values
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.01)


def make() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3, groups=4), nn.Flatten(), nn.Linear(64, 2)
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_learns_and_leaves_frozen_parameters_alone(name: str) -> None:
    net = make()
    frozen = net[0].weight.requires_grad_(False).clone()
    options = {"lr": 0.001, "momentum": 0.9, "weight_decay": 0.0}
    optimizer = build_optimizer(net, make_phase(optimizer=name, **options))
    images, labels = torch.randn(8, 3, 8, 8), torch.arange(8) % 2
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert torch.equal(net[0].weight, frozen)


@pytest.mark.parametrize("shape", [(6, 20), (20, 6)])
def test_orthogonalize_brings_singular_values_near_one(shape: tuple[int, int]) -> None:
    matrix: Tensor = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    before, after = (torch.linalg.svdvals(each.float()) for each in (matrix, orthogonalize(matrix)))
    assert before.max() / before.min() > 2.4
    assert after.max() / after.min() < 1.75
    assert after.mean().item() == pytest.approx(1, abs=0.2)
    assert torch.equal(orthogonalize(matrix * 1024), orthogonalize(matrix))


def test_muon_moves_kernels_by_its_rate_and_keeps_their_length() -> None:
    net = make()
    optimizer = build_optimizer(net, make_phase(optimizer="muon", lr=0.05, momentum=0.5))
    net(torch.randn(8, 3, 8, 8)).square().mean().backward()
    kernel = net[0].weight
    unit = kernel.detach() * 2 / kernel.detach().norm()
    optimizer.step()
    assert (kernel - unit).norm().item() == pytest.approx(0.05 * 2, rel=0.25)
    assert kernel.norm().item() == pytest.approx(2, abs=0.11)


def take_steps(net: nn.Sequential, optimizer: optim.Optimizer, count: int = 2) -> None:
    torch.manual_seed(1)
    for _ in range(count):
        optimizer.zero_grad()
        net(torch.randn(8, 3, 8, 8)).square().mean().backward()
        optimizer.step()


def test_muon_adamw_moves_kernels_as_muon_and_all_else_as_adamw() -> None:
    nets, options = [make(), make(), make()], {"momentum": 0.5, "weight_decay": 0.1}
    for net, name, lr in zip(nets, ("muon_adamw", "muon", "adamw"), (0.2, 0.2, 0.002), strict=True):
        optimizer = build_optimizer(net, make_phase(optimizer=name, lr=lr, **options))
        for group in optimizer.param_groups:
            group["betas"] = (0.9, 0.99)
        take_steps(net, optimizer, 1)
    both, muon, adamw = (net.state_dict() for net in nets)
    assert torch.equal(both["0.weight"], muon["0.weight"])
    for name in ("1.weight", "1.bias", "2.weight", "4.weight", "4.bias"):
        torch.testing.assert_close(both[name], adamw[name])


def test_muon_adamw_goes_on_from_its_state() -> None:
    phase = make_phase(optimizer="muon_adamw", lr=0.1, momentum=0.5, weight_decay=0.1)
    net, other = make(), make()
    optimizer = build_optimizer(net, phase)
    take_steps(net, optimizer)
    other.load_state_dict(net.state_dict())
    restored = build_optimizer(other, phase)
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    take_steps(net, optimizer)
    take_steps(other, restored)
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in net.state_dict().items())
