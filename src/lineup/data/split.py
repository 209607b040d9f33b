"""The split of the official train images into those that train and those held out for validation."""

import hashlib

import torch
from torch import Tensor

from lineup.errors import LineupError


def hold_out(labels: Tensor, ids: Tensor, *, share: float, seed: int) -> Tensor:
    """Choose `share` of every class for validation: bool [n], True on the chosen images.

    labels, ids: int64 [n]. The draw hashes (seed, id) and takes the smallest hashes of each class, so it
    depends on the images and the seed alone: not on their order, nor on any library's random generator.
    Raises LineupError when a class would have no image on one of the two sides.
    """
    draws = [_draw(seed, identity) for identity in ids.tolist()]
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in sorted(set(labels.tolist())):
        members = torch.nonzero(labels == label).flatten().tolist()
        count = _count(len(members), share, label)
        chosen[sorted(members, key=draws.__getitem__)[:count]] = True
    return chosen


def _draw(seed: int, identity: int) -> bytes:
    return hashlib.sha256(f"{seed} {identity}".encode()).digest()


def _count(members: int, share: float, label: int) -> int:
    count = round(members * share)
    if not 0 < count < members:
        raise LineupError(
            f"validation {share}",
            f"{count} of the {members} images of class {label} held out",
            "at least one held out and one left to train on",
            "change `validation` or add images",
        )
    return count
