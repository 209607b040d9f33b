"""Applying a model to packed images, the same way in validation, evaluation and benchmarks."""

import torch
from torch import Tensor, nn

from lineup.runtime import autocast


def to_batch(images: Tensor, channels_last: bool) -> Tensor:
    """Turn packed images [n, h, w, c] into what models take, [n, c, h, w], in the asked memory layout."""
    batch = images.permute(0, 3, 1, 2)  # packed images are channels-last already: this copies nothing
    return batch if channels_last else batch.contiguous()


@torch.inference_mode()
def predict(
    model: nn.Module,
    images: Tensor,
    *,
    batch_size: int,
    precision: str,
    device: torch.device,
    channels_last: bool,
    flip: bool = False,
) -> Tensor:
    """Outputs of `model`, float32 on the CPU, for packed images uint8 [n, h, w, c] on any device.

    flip: the mean log-probability over each image and its mirror image instead of the logits.
    The model is put into inference mode.
    """
    model.eval()
    parts = []
    for chunk in torch.split(images, batch_size):
        batch = to_batch(chunk.to(device, non_blocking=True), channels_last)
        with autocast(precision, device):
            outputs = model(batch).float()
            if flip:
                mirrored = model(batch.flip(3)).float()
                outputs = (outputs.log_softmax(1) + mirrored.log_softmax(1)) / 2
        parts.append(outputs)
    return torch.cat(parts).cpu()
