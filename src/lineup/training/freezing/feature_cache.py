"""Features of frozen layers, computed once an image."""

from hashlib import blake2b

import torch
from torch import Tensor, nn

from lineup.training.freezing.split_network import SplitNetwork, compute_whole, find_split

BYTES = 4 * 2**30  # of features at most; what comes later is computed each time
WORTHWHILE = 0.1  # share of an epoch's images that must have been seen in the same shape before
# Images that are computed together at least: in fp32 torch gives fewer to other convolutions, whose last
# bits differ (ATen's use_mkldnn: a lone image, and fewer than 16 with one thread under a 1x1 kernel).
TOGETHER = 16


class FeatureCache:
    """Lets `net`, whose first layers are frozen, look up what these give for images that it has seen.

    Images are known by their pixels, so it does not matter how they were varied: without variation every
    epoch but the first only computes what is trained; with random flips that is so once both views were seen;
    where no image comes twice, it stops looking after the second epoch. Networks that cannot be cut between
    what is frozen and what is trained (`find_split`) are left alone.

    Features do not depend on what was looked up, so that a training that was killed ends in the same bits.
    They are those that the network computes without it, but for a batch of fewer than `TOGETHER` in fp32 on
    CPUs, whose last bits may differ.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.cut: SplitNetwork | None = None
        self.looking = True
        self.features: dict[bytes, Tensor] = {}
        self.bytes = self.epochs = self.seen = self.known = 0
        self.net.forward = self.forward

    def close(self) -> None:
        """Give the network its own forward pass back."""
        self.features.clear()
        self.net.__dict__.pop("forward", None)

    def start_epoch(self) -> None:
        """Note that an epoch of training begins; stop looking if the last one was not worth it."""
        self.epochs += self.seen > 0
        if self.epochs > 1 and self.known < WORTHWHILE * self.seen:
            self.looking = False
            self.features.clear()
        self.seen = self.known = 0

    def forward(self, images: Tensor) -> Tensor:
        """What the network gives for images [n, c, h, w]."""
        # Not in inference, where dropout would not show. So a copy that averages weights looks nothing up.
        if not self.cut and self.net.training:
            self.cut = find_split(self.net, _fill(images)[:TOGETHER])
            if not self.cut:
                self.close()
        if not self.cut:
            return compute_whole(self.net, images)
        features = self._look_up(self.cut, images) if self.looking else _compute(self.cut, images)
        return self.cut.compute_second(images, features)

    def _look_up(self, cut: SplitNetwork, images: Tensor) -> Tensor:
        """Features of images, computed only where they are not known."""
        keys = _identify(images)
        rows = [self.features.get(key) for key in keys]
        missing = [place for place, row in enumerate(rows) if row is None]
        if self.net.training:
            self.seen, self.known = self.seen + len(rows), self.known + len(rows) - len(missing)
        if missing:
            whole = len(missing) == len(rows)
            computed = _compute(cut, images if whole else images[missing])
            for place, row in zip(missing, computed, strict=True):
                rows[place] = row
                self._keep(keys[place], row)
        return _stack([row for row in rows if row is not None])

    def _keep(self, key: bytes, row: Tensor) -> None:
        size = row.numel() * row.element_size()
        if self.bytes + size <= BYTES:
            self.features[key] = row
            self.bytes += size


@torch.no_grad()
def _compute(cut: SplitNetwork, images: Tensor) -> Tensor:
    return cut.compute_first(_fill(images))[: len(images)]


def _stack(rows: list[Tensor]) -> Tensor:
    """Rows of a batch as one again, in the memory layout that they had in it: convolutions go by it."""
    like = torch.empty_like(rows[0])
    batch = like.new_empty_strided((len(rows), *like.shape), (like.numel(), *like.stride()))
    return torch.stack(rows, out=batch)


def _fill(images: Tensor) -> Tensor:
    """`images`, the last of them repeated until there are `TOGETHER`."""
    if len(images) >= TOGETHER:
        return images
    return images[torch.arange(TOGETHER, device=images.device).clamp(max=len(images) - 1)]


def _identify(images: Tensor) -> list[bytes]:
    """A digest of each image."""
    pixels = images.detach().permute(0, 2, 3, 1).contiguous().cpu().flatten(1).numpy()
    return [blake2b(row.data, digest_size=16).digest() for row in pixels]
