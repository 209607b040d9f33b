"""Images whose label may be wrong: confident learning (Northcutt, Jiang and Chuang 2021)."""

import torch
from torch import Tensor


def find_suspects(probabilities: Tensor, labels: Tensor) -> list[int]:
    """Places of the images that look like another class than their label's, the likeliest first.

    probabilities: float [n, classes], of images that were not trained on; labels: int64 [n]. An image looks
    like a class if it has at least the probability that the images labelled so have on average; of several
    such classes the most probable one counts. The likeliest has the largest lead over its label.
    """
    count, classes = probabilities.shape
    usual = torch.stack(
        [
            chosen.mean() if len(chosen := probabilities[labels == place, place]) else torch.tensor(torch.inf)
            for place in range(classes)
        ]
    )
    look = probabilities.where(probabilities >= usual, torch.tensor(-1.0))
    chance, looks_like = look.max(1)
    suspect = (chance >= 0) & (looks_like != labels)
    lead = chance - probabilities[torch.arange(count), labels]
    places = suspect.nonzero().flatten()
    ranked: list[int] = places[lead[places].argsort(descending=True, stable=True)].tolist()
    return ranked
