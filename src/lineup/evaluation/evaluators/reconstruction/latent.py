"""The latent of an autoencoder as features of an image."""

from torch import Tensor, nn
from torch.nn import functional

from lineup.models import PixelModel

GRID = 2


class Latent(nn.Module):
    """Raw images -> float32 [n, features]: the latent, whole or pooled.

    pooled: the mean of each filter over each quarter of the image, 4 features a filter.
    """

    def __init__(self, model: PixelModel, *, pooled: bool) -> None:
        super().__init__()
        self.model, self.pooled = model, pooled

    def forward(self, images: Tensor) -> Tensor:
        """Encode."""
        latent: Tensor = self.model.net.encode(self.model.normalize(images)).float()  # type: ignore[operator]
        return (functional.adaptive_avg_pool2d(latent, GRID) if self.pooled else latent).flatten(1)
