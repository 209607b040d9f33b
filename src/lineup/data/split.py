"""The split of the official train images into those that train and those held out for validation."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from lineup.errors import LineupError

NAMED = 3


def hold_out(labels: Tensor, ids: Tensor, classes: Sequence[str], *, share: float, seed: int) -> Tensor:
    """Choose `share` of every class for validation: bool [n], True on the chosen images.

    labels, ids: int64 [n]; classes: their names, by label. The draw hashes (seed, id) and takes the smallest
    hashes of each class, so it depends on the images and the seed alone: not on their order, nor on any
    library's random generator.
    Raises LineupError when a class would have no image on one of the two sides.
    """
    _refuse_small_classes(labels, classes, share)
    draws = [_draw(seed, identity) for identity in ids.tolist()]
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in sorted(set(labels.tolist())):
        members = torch.nonzero(labels == label).flatten().tolist()
        chosen[sorted(members, key=draws.__getitem__)[: round(len(members) * share)]] = True
    return chosen


def _draw(seed: int, identity: int) -> bytes:
    return hashlib.sha256(f"{seed} {identity}".encode()).digest()


def _refuse_small_classes(labels: Tensor, classes: Sequence[str], share: float) -> None:
    sizes = Counter(labels.tolist())
    small = [label for label, size in sorted(sizes.items()) if not 0 < round(size * share) < size]
    if small:
        named = ", ".join(f"{classes[label]} ({sizes[label]})" for label in small[:NAMED])
        more = f" and {len(small) - NAMED} more" if len(small) > NAMED else ""
        raise LineupError(
            f"validation {share}",
            f"classes with too few images to divide them: {named}{more}",
            "at least one held out and one left to train on",
            "change `validation` or add images",
        )
