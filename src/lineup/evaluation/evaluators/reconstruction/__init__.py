"""Reconstruction: error, PSNR and SSIM of the images that come back, and what the latent is good for.

The answers that are kept, and the confusion, are those of a linear probe on the frozen latent.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from lineup.data.dataset import ImageDataset
from lineup.evaluation.evaluators.reconstruction.latent import Latent
from lineup.evaluation.evaluators.reconstruction.pictures import plot_latent, plot_reconstructions
from lineup.evaluation.evaluators.reconstruction.probe import probe
from lineup.evaluation.predictions import SPLITS
from lineup.evaluation.quality import Quality, measure_quality, refuse_not_finite
from lineup.evaluation.scoring import Apply, Sample, SeedScores
from lineup.inference import to_batch
from lineup.models import PixelModel

DIGITS, HEADLINE = 8, "mse"
BRIEF = ("val_mse", "test_mse", "test_psnr", "test_ssim")
MOST_PSNR = 100.0  # dB; those of a perfect image are infinitely many
CHUNK = 500


def score_seed(
    apply: Apply, model: PixelModel, learn: ImageDataset, samples: Mapping[str, Sample], where: str
) -> SeedScores:
    """Score one seed by the images that come back, and by a probe fitted to all training images.

    Raises LineupError, naming `where`, if an output is not finite.
    """
    # Of train no more is wanted than its error; SSIM takes longer than all else here.
    wanted = {name: tuple(MEASURES) if name in SPLITS else ("mse",) for name in samples}
    measured = {
        name: measure_images(apply, model, sample.images, wanted[name], f"{where} on {name}")
        for name, sample in samples.items()
    }
    logits = _probe(apply, model, learn, samples)
    quality = {
        name: measure_quality(logits[name], samples[name].labels, learn.classes, f"{where}, probe on {name}")
        for name in SPLITS
    }
    errors = {name: measured[name][:, 0].float() for name in SPLITS}
    return SeedScores(
        _list_figures(measured, quality),
        quality["test"],
        {name: logits[name].softmax(1) for name in SPLITS},
        errors["test"],
        {f"{name}.mse": errors[name] for name in SPLITS},
    )


def complete(mean: Mapping[str, float], test_images: int) -> dict[str, float]:
    """Add nothing: the first figures are no shares of images."""
    return dict(mean)


def draw(
    apply: Apply,
    model: PixelModel,
    scores: SeedScores,
    samples: Mapping[str, Sample],
    classes: Sequence[str],
    folder: Path,
) -> None:
    """Draw test images above what came back, and a map of their latents."""
    test = samples["test"]
    plot_reconstructions(apply, model, test, scores.kept["test.mse"], folder / "reconstructions.png")
    plot_latent(apply, Latent(model, pooled=False), test, classes, folder / "latent.png")


def measure_images(
    apply: Apply, model: PixelModel, images: Tensor, measures: Sequence[str], where: str
) -> Tensor:
    """Each image's `measures` (of MEASURES), float64 [n, measures].

    MSE is on the scale [0, 1], PSNR in dB; SSIM (Wang et al. 2004) looks through a Gaussian window of 11
    pixels and deviation 1.5. Raises LineupError, naming `where`, if an output is not finite.
    """
    chunks = torch.split(images, CHUNK)
    return torch.cat([_measure(apply(model, chunk), chunk, measures, where) for chunk in chunks])


def _measure(outputs: Tensor, images: Tensor, measures: Sequence[str], where: str) -> Tensor:
    refuse_not_finite({"outputs": outputs}, where)
    targets = to_batch(images, channels_last=False).float() / 255
    return torch.stack([MEASURES[name](outputs, targets) for name in measures], 1).double()


def _mse(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs, targets, reduction="none").mean((1, 2, 3))


def _psnr(outputs: Tensor, targets: Tensor) -> Tensor:
    ratio = peak_signal_noise_ratio(outputs, targets, data_range=1.0, reduction="none", dim=(1, 2, 3))
    return ratio.clamp(max=MOST_PSNR)


def _ssim(outputs: Tensor, targets: Tensor) -> Tensor:
    similarity = structural_similarity_index_measure(outputs, targets, data_range=1.0, reduction="none")
    assert isinstance(similarity, Tensor)
    return similarity


MEASURES = {"mse": _mse, "psnr": _psnr, "ssim": _ssim}


def _probe(
    apply: Apply, model: PixelModel, learn: ImageDataset, samples: Mapping[str, Sample]
) -> dict[str, Tensor]:
    """Logits of a linear probe on `val` and `test`; it is fitted to all that is not held out."""
    latent = Latent(model, pooled=True)
    asked = {name: apply(latent, samples[name].images) for name in SPLITS}
    features = apply(latent, learn.images[~learn.held_out])
    return probe(features, learn.labels[~learn.held_out], asked, samples["val"].labels)


def _list_figures(measured: Mapping[str, Tensor], quality: Mapping[str, Quality]) -> dict[str, float]:
    """The figures of one seed; gap is validation minus train, so that more of it is more overfitting."""
    means = {name: values.mean(0).tolist() for name, values in measured.items()}
    figures = {
        f"{name}_{measure}": means[name][place] for place, measure in enumerate(MEASURES) for name in SPLITS
    }
    return {
        **figures,
        "train_mse": means["train"][0],
        "gap": means["val"][0] - means["train"][0],
        **{f"probe_{name}_accuracy": quality[name].accuracy for name in SPLITS},
    }
