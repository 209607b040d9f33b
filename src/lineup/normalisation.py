"""Whether a view normalises images as initial weights want it, found out before anything is trained.

Training compares the two again once both are there: only then are the statistics known by which a view of
`channel` normalises.
"""

import torch

from lineup.data.prepare import Color, Normalization, Statistics, prepare
from lineup.data.raw import RawDataset
from lineup.errors import LineupError

TOLERANCE = 1e-3  # of the deviation: what rounding may make of mean and std
SIZE = 8  # pixels; any number will do


def refuse_other_normalisation(
    where: str, wanted: Statistics, *, color: Color, normalize: Normalization
) -> None:
    """Raise LineupError, which names `where`, if such a view cannot give images the `wanted` mean and std."""
    given = _find_statistics(color, normalize)
    same = len(given[0]) == len(wanted[0])
    if same and (normalize == "channel" or _agree(given, wanted)):
        return
    fix = "give the run another view, or other weights"
    if max(wanted[1]) <= 1:
        fix = "write the weights' mean and std on the scale 0 to 255"
    raise LineupError(
        where,
        f"normalize {normalize} of {color} images",
        f"{_describe(wanted)}, which the weights were trained with",
        fix,
    )


def _find_statistics(color: Color, normalize: Normalization) -> Statistics:
    """What the view subtracts and divides by, one a channel; made-up images tell, unless it measures them."""
    shades, labels = torch.tensor([0, 255], dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
    images = shades.reshape(2, 1, 1, 1).expand(2, SIZE, SIZE, 3)
    learn, _ = prepare(
        RawDataset(images, labels, images, labels, ("any",)),
        color=color, size=SIZE, validation=0.5, split_seed=0, normalize=normalize,
    )  # fmt: skip
    return learn.mean, learn.std


def _agree(given: Statistics, wanted: Statistics) -> bool:
    return all(
        abs(ours - theirs) <= TOLERANCE * std
        for mine, its in zip(given, wanted, strict=True)
        for ours, theirs, std in zip(mine, its, wanted[1], strict=True)
    )


def _describe(statistics: Statistics) -> str:
    mean, std = (" ".join(f"{value:.4g}" for value in values) for values in statistics)
    return f"mean {mean} and std {std}"
