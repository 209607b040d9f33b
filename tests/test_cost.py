from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from lineup.evaluation import cost


def test_macs_are_those_of_the_layers() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 10))
    assert cost.count_macs(net, torch.zeros(1, 3, 8, 8)) == 8 * 8 * 4 * 27 + 256 * 10


def test_cost_counts_running_statistics_as_parameters() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2))
    image = torch.zeros(1, 8, 8, 1)
    found = cost.measure_cost(nn.Sequential(Floats(), net), image, torch.device("cpu"))
    assert found == {"parameters": 18 + 8, "macs": 36 * 2 * 9}


def test_time_is_a_median_and_warm_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ticks()
    monkeypatch.setattr(cost.time, "perf_counter", lambda: next(clock))
    calls: list[int] = []
    assert cost.time_call(lambda: calls.append(0)) == pytest.approx(2.0)
    assert len(calls) == cost.WARM_UP + cost.REPEATS


def test_latency_is_of_one_image_and_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def apply(images: Tensor, *, batch_size: int) -> Tensor:
        seen.append((len(images), batch_size))
        return images

    monkeypatch.setattr(cost, "time_call", lambda call: call().shape[0] * 0.5)
    found = cost.measure_latency(apply, torch.zeros(20, 8, 8, 1), 16)
    assert seen == [(1, 1), (16, 16)]
    assert found == {
        "latency_ms": 0.5,
        "batch_ms": 8.0,
        "batch_size": 16,
        "batch_images_per_second": 2000.0,
    }


class Floats(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.float()


def ticks() -> Iterator[float]:
    """A clock on which one call takes 100 ms and all others 2 ms."""
    now, first = 0.0, True
    while True:
        yield now
        now += 0.1 if first else 0.002
        first = False
        yield now
