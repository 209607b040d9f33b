"""Features of a frozen base, computed once an image."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import torch
from torch import Tensor, nn

from lineup.training.names import find_head

BYTES = 4 * 2**30  # of features at most; what comes later is computed each time
WORTHWHILE = 0.1  # share of an epoch's images that must have been seen in the same shape before
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Memo:
    """Lets `net`, of which only the head is trained, look up the features of images that it has seen.

    Images are known by their pixels, so it does not matter how they were varied: without variation every
    epoch but the first only computes the head; with random flips that is so once both views were seen; where
    no image comes twice, the memo gives up after the second epoch. It also does so at once for networks whose
    base is not a function of the image alone (dropout, batch norm with the batch's statistics) or which do
    something behind their head.

    Features are the bits that the network computes without it, as long as those do not depend on the rest of
    a batch; on CPUs they do not (a test compares them).
    """

    def __init__(self, net: nn.Module) -> None:
        self.net, self.head = net, find_head(net)[1]
        self.features: dict[bytes, Tensor] = {}
        self.bytes = self.epochs = self.seen = self.known = 0
        self.checked = False
        self.net.forward = self.forward

    def close(self) -> None:
        """Give the network its own forward pass back."""
        self.features.clear()
        self.net.__dict__.pop("forward", None)

    def start_epoch(self) -> None:
        """Note that an epoch of training begins; give up if the last one was not worth it."""
        self.epochs += self.seen > 0
        if self.epochs > 1 and self.known < WORTHWHILE * self.seen:
            self.close()
        self.seen = self.known = 0

    def forward(self, images: Tensor) -> Tensor:
        """What the network gives for images [n, c, h, w]."""
        if not self.checked:
            self.checked = True
            if not self._is_repeatable(images):
                self.close()
                unchanged: Tensor = self.net(images)
                return unchanged
        keys = _identify(images)
        rows = [self.features.get(key) for key in keys]
        missing = [place for place, row in enumerate(rows) if row is None]
        if self.net.training:
            self.seen, self.known = self.seen + len(rows), self.known + len(rows) - len(missing)
        if missing:
            whole = len(missing) == len(rows)
            for place, row in zip(missing, self._compute(images if whole else images[missing]), strict=True):
                rows[place] = row
                self._keep(keys[place], row)
        outputs: Tensor = self.head(torch.stack([row for row in rows if row is not None]))
        return outputs

    def _compute(self, images: Tensor) -> Tensor:
        """What reaches the head."""
        handle = self.head.register_forward_pre_hook(_stop)
        try:
            with self._own_forward(), torch.no_grad():
                self.net(images)
        except _Reached as reached:
            return reached.features
        finally:
            handle.remove()
        raise AssertionError("a network does not come to its head")

    @contextmanager
    def _own_forward(self) -> Iterator[None]:
        del self.net.forward
        try:
            yield
        finally:
            self.net.forward = self.forward

    def _keep(self, key: bytes, row: Tensor) -> None:
        size = row.numel() * row.element_size()
        if self.bytes + size <= BYTES:
            self.features[key] = row
            self.bytes += size

    def _is_repeatable(self, images: Tensor) -> bool:
        """Whether the base draws no random numbers and keeps no statistics, and the head comes last."""
        inside = set(self.head.modules())
        if any(
            isinstance(module, NORMS) and module.training
            for module in self.net.modules()
            if module not in inside
        ):
            return False
        few = images[:2]
        with torch.random.fork_rng([images.device] if images.is_cuda else []), torch.no_grad():
            before = _random_state(images)
            self._compute(few)
            drawn = not torch.equal(before, _random_state(images))
            return not drawn and self._ends_with_head(few)

    def _ends_with_head(self, images: Tensor) -> bool:
        last: list[object] = []
        handle = self.head.register_forward_hook(lambda *call: last.append(call[-1]))
        with self._own_forward():
            outputs = self.net(images)
        handle.remove()
        return len(last) == 1 and last[0] is outputs


class _Reached(Exception):  # noqa: N818
    """Ends a forward pass at the head."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


def _stop(_: nn.Module, inputs: tuple[Tensor]) -> None:
    raise _Reached(inputs[0])


def _random_state(images: Tensor) -> Tensor:
    return torch.cuda.get_rng_state(images.device) if images.is_cuda else torch.get_rng_state()


def _identify(images: Tensor) -> list[bytes]:
    """A digest of each image."""
    pixels = images.detach().permute(0, 2, 3, 1).contiguous().cpu().flatten(1).numpy()
    return [blake2b(row.data, digest_size=16).digest() for row in pixels]
