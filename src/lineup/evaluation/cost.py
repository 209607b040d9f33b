"""What a model costs: parameters, multiply-accumulates and the time of a prediction."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lineup.inference import to_batch
from lineup.models import count_parameters

WARM_UP, REPEATS = 5, 25


class Apply(Protocol):
    """Outputs on the CPU for images uint8 [n, h, w, c]."""

    def __call__(self, images: Tensor, *, batch_size: int) -> Tensor:
        """Apply the model to `batch_size` images at a time."""


def measure_cost(model: nn.Module, image: Tensor, device: torch.device) -> dict[str, int]:
    """Parameters and MACs of `model` on `device` for one packed image, uint8 [1, h, w, c]."""
    parameters, _ = count_parameters(model)
    macs = count_macs(model, to_batch(image, channels_last=False).to(device))
    return {"parameters": parameters, "macs": macs}


@torch.no_grad()
def count_macs(model: nn.Module, image: Tensor) -> int:
    """Multiply-accumulates of `model` for one raw image, uint8 [1, c, h, w].

    torch counts two operations for one multiply-accumulate, in convolutions, matrix products and attention;
    normalisation and activations are not counted.
    """
    model.eval()
    with FlopCounterMode(display=False) as counter:
        model(image)
    return int(counter.get_total_flops()) // 2


def measure_latency(apply: Apply, images: Tensor, batch_size: int) -> dict[str, float]:
    """Milliseconds for one image and for a batch, from pixels on the CPU to outputs on the CPU."""
    size = min(batch_size, len(images))
    one = time_call(partial(apply, images[:1], batch_size=1))
    batch = time_call(partial(apply, images[:size], batch_size=size))
    return {
        "latency_ms": round(one, 4),
        "batch_ms": round(batch, 4),
        "batch_size": size,
        "batch_images_per_second": round(size / batch * 1000, 1),
    }


def time_call(call: Callable[[], object]) -> float:
    """Milliseconds of one `call`: the median of repeated ones, after some that do not count."""
    for _ in range(WARM_UP):
        call()
    return statistics.median(_time(call) for _ in range(REPEATS))


def _time(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000
