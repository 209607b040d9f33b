"""Convolutional autoencoders: 3x3 convolutions and 2x2 max-pooling down, transposed convolutions back up."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from lineup.errors import LineupError


class Autoencoder(nn.Module):
    """An encoder and its mirror image.

    forward: images [n, channels, size, size] -> float32 of the same shape in [0, 1];
    encode: images -> the latent [n, bottleneck, side, side], side = size / 2 ** poolings.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, images: Tensor) -> Tensor:
        """Give the latent of `images`."""
        latent: Tensor = self.encoder(images)
        return latent

    def forward(self, images: Tensor) -> Tensor:
        """Encode and decode; the sigmoid is computed in fp32, bf16 has too few steps between 0 and 1."""
        decoded: Tensor = self.decoder(self.encode(images))
        return decoded.float().sigmoid()


def build(
    *, outputs: int, channels: int, size: int, filters: Sequence[int], bottleneck: int, batch_norm: bool
) -> Autoencoder:
    """Build the network for images [n, channels, size, size].

    filters: widths of the encoder's convolutions, max-pooling between each two; bottleneck: width of the
    convolution after them. The decoder goes back through the same widths. outputs, the number of classes,
    plays no part. Weights start as in Keras: Glorot uniform, biases zero (Glorot and Bengio 2010).
    Raises LineupError if `size` cannot be halved at every pooling.
    """
    poolings = len(filters) - 1
    if size % 2**poolings:
        raise LineupError(
            "models.autoencoder",
            f"{poolings} poolings of images of {size} pixels",
            f"a side that {2**poolings} divides",
            "use fewer filters, or a view of another size",
        )
    encoder: list[nn.Module] = []
    for place, (before, width) in enumerate(pairwise([channels, *filters, bottleneck])):
        convolution = nn.Conv2d(before, width, 3, padding=1)
        encoder += _layer(convolution, width, batch_norm, pooled=place < poolings)
    decoder: list[nn.Module] = []
    for before, width in pairwise([bottleneck, *reversed(filters[:-1])]):
        doubling = nn.ConvTranspose2d(before, width, 3, stride=2, padding=1, output_padding=1)
        decoder += _layer(doubling, width, batch_norm, pooled=False)
    last = nn.Conv2d(filters[0] if poolings else bottleneck, channels, 3, padding=1)
    net = Autoencoder(nn.Sequential(*encoder), nn.Sequential(*decoder, last))
    net.apply(_start_as_keras)
    return net


def _layer(convolution: nn.Module, width: int, batch_norm: bool, *, pooled: bool) -> list[nn.Module]:
    """One convolution with what belongs to it; pooling before ReLU gives the same bits for less work."""
    return [
        convolution,
        *([nn.BatchNorm2d(width)] if batch_norm else []),
        *([nn.MaxPool2d(2)] if pooled else []),
        nn.ReLU(),
    ]


def _start_as_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
