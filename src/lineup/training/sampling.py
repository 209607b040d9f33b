"""Random numbers that are a function of their key, so that no order, worker or restart can change them."""

import torch
from torch import Tensor

# SplitMix64 (Steele, Lea and Flood 2014), its unsigned constants written as signed 64-bit integers.
GOLDEN = 0x9E3779B97F4A7C15 - 2**64
FIRST, SECOND = 0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64


def sample_uniform(seed: int, epoch: int, ids: Tensor, lanes: int) -> Tensor:
    """Uniform numbers in [0, 1), float32 [n, lanes], keyed by (seed, epoch, image id, lane).

    ids: int64 [n]; the draw happens on their device and is the same on every device.
    """
    key = _mix(torch.tensor([seed], dtype=torch.int64, device=ids.device)) + epoch
    stream = _mix(ids ^ _mix(key * GOLDEN))
    lane = torch.arange(1, lanes + 1, device=ids.device) * GOLDEN
    bits = _mix(stream[:, None] + lane)
    return _shift_right(bits, 40).float() / 2**24


def sample_order(seed: int, epoch: int, count: int) -> Tensor:
    """The order of an epoch: a permutation of `count` images, int64 on the CPU, keyed by (seed, epoch)."""
    key = sample_uniform(seed, epoch, torch.arange(count), 2).double()
    return torch.argsort(key[:, 0] * 2**24 + key[:, 1], stable=True)


def _mix(bits: Tensor) -> Tensor:
    bits = (bits ^ _shift_right(bits, 30)) * FIRST
    bits = (bits ^ _shift_right(bits, 27)) * SECOND
    return bits ^ _shift_right(bits, 31)


def _shift_right(bits: Tensor, count: int) -> Tensor:
    """A logical shift: int64 tensors only have the arithmetic one, which copies the sign."""
    shifted: Tensor = (bits >> count) & (2 ** (64 - count) - 1)
    return shifted
