"""Learning-rate schedules."""

from typing import Any

import pytest
from recipes import make_phase
from torch import nn, optim

from lineup.training.schedule import Schedule


def make(lr: float) -> optim.Optimizer:
    return optim.SGD(nn.Linear(2, 2).parameters(), lr)


def run(spec: dict[str, Any], epochs: int, losses: list[float] | None = None) -> list[float]:
    """The learning rate of every step, ten steps an epoch."""
    optimizer = make(1.0)
    resolved = make_phase(schedule=spec).schedule
    schedule = Schedule(optimizer, resolved, steps=epochs * 10, steps_per_epoch=10)
    rates = []
    for epoch in range(epochs):
        for _ in range(10):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.after_step()
        schedule.after_epoch(losses[epoch] if losses else 1.0)
    return rates


def test_constant_stays() -> None:
    assert set(run({"name": "constant"}, 3)) == {1.0}


def test_cosine_agrees_with_torch() -> None:
    optimizer = make(1.0)
    reference = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    expected = []
    for _ in range(30):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    assert run({"name": "cosine", "warmup": 0.0}, 3) == pytest.approx(expected)


def test_cosine_warms_up_for_so_many_epochs() -> None:
    rates = run({"name": "cosine", "warmup": 1.0}, 3)
    assert rates[:10] == pytest.approx([(step + 1) / 11 for step in range(10)])
    assert max(rates) == rates[10] == 1.0
    assert rates[-1] < 0.01


def test_one_cycle_rises_and_falls_linearly() -> None:
    rates = run({"name": "one_cycle", "warmup": 0.2}, 5)
    assert rates.index(max(rates)) == 10
    assert rates[10:] == pytest.approx([1 - step / 40 for step in range(40)])


def test_plateau_waits_then_lowers_down_to_the_floor() -> None:
    spec = {"name": "plateau", "factor": 0.2, "patience": 2, "floor": 0.1}
    rates = run(spec, 9, [1.0] + [2.0] * 8)[::10]
    assert rates == pytest.approx([1, 1, 1, 1, 0.2, 0.2, 0.2, 0.1, 0.1])
