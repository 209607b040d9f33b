"""The batches of an epoch, varied as the epoch's chances say."""

from collections.abc import Callable, Mapping

from torch import Tensor

from lineup.inference import to_batch

# So many images are varied at once, however small the batch: below that, calls cost more than their work
# (measured on 2 cores: 1,071 us for 128 images in a batch, 400 us within 1,024).
IMAGES_TOGETHER = 1024


class Batches:
    """Batches of `images` uint8 [n, h, w, c] and `labels` int64 [n], in the order of the places `order`.

    draws: what chance decides for each image, float [n, lanes]; vary(images, draws) -> images as they are.
    A batch comes out the same whichever was asked for before it.
    """

    def __init__(
        self,
        part: Mapping[str, Tensor],
        order: Tensor,
        draws: Tensor,
        vary: Callable[[Tensor, Tensor], Tensor],
        *,
        batch_size: int,
        channels_last: bool,
    ) -> None:
        self.part, self.order, self.draws, self.vary = part, order, draws, vary
        self.batch_size, self.channels_last = batch_size, channels_last
        self.together = max(1, IMAGES_TOGETHER // batch_size)
        self.group: int | None = None
        self.images: Tensor
        self.labels: Tensor

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Images [n, c, h, w] on the scale 0 to 255, and their labels, of a step counted from 0."""
        group, place = divmod(step, self.together)
        if group != self.group:
            self._vary(group)
        chosen = slice(place * self.batch_size, (place + 1) * self.batch_size)
        return to_batch(self.images[chosen], self.channels_last), self.labels[chosen]

    def _vary(self, group: int) -> None:
        """Vary the images of the batches that belong to a group."""
        size = self.together * self.batch_size
        chosen = self.order[group * size : (group + 1) * size]
        self.labels = self.part["labels"].index_select(0, chosen)
        images = self.part["images"].index_select(0, chosen)
        self.images = self.vary(images, self.draws.index_select(0, chosen))
        self.group = group
