"""The loops that are compared: each function prepares one and returns what computes so many steps.

usual       the loop of most public CIFAR code: one image at a time through PIL, two loader workers, fp32
ours_fp32   our Trainer in fp32
ours        our Trainer as shipped (bf16)
limit_fp32  the model alone on one batch that stays: forward, backward and optimizer step, in fp32
limit       the same in bf16
peak_…      one convolution, for what the processor can do
"""

import io
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn, optim
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, RandomSampler

from bench.job import BATCH, Job, Optimizer, load_images, make_phase
from lineup import runtime
from lineup.console import Progress
from lineup.data.dataset import ImageDataset
from lineup.inference import to_batch
from lineup.models.record import rebuild
from lineup.precision import keep_depthwise_in_fp32
from lineup.settings.run import Augmentation
from lineup.tasks import classification
from lineup.training.checkpoint import Checkpoint
from lineup.training.fit import Trainer, build_optimizer

WORKERS = 2

# The augmentation of the usual loop, for all.
CROP = 4
AUGMENTATION = Augmentation(
    flip="random", crop=CROP, rotate=0.0, shift=(0.0, 0.0), fill="zeros", cutout=0, jitter=(0.0,) * 4
)

# The convolution that shows what the processor can do; smaller sides keep bf16 matrix units waiting.
PEAK_BATCH, PEAK_CHANNELS, PEAK_SIDE = 64, 256, 16
PEAK_FLOPS = PEAK_BATCH * PEAK_SIDE**2 * PEAK_CHANNELS**2 * 3**2 * 2

Advance = Callable[[int], object]


class SingleImages(Dataset[tuple[Tensor, int]]):
    """Images as torchvision.datasets.CIFAR10 gives them: through PIL, one at a time, with its transforms."""

    def __init__(self, dataset: ImageDataset) -> None:
        from torchvision import transforms

        chosen = ~dataset.held_out
        self.images, self.labels = dataset.images[chosen].numpy(), dataset.labels[chosen].tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(self.images.shape[1], padding=CROP),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(*([v / 255 for v in part] for part in (dataset.mean, dataset.std))),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        image: Tensor = self.transform(Image.fromarray(self.images[index]))
        return image, self.labels[index]


def prepare_usual(job: Job) -> Advance:
    """The usual loop, with torch's own defaults for everything."""
    device = torch.device(job.device)
    images = SingleImages(load_images(job.view))
    # An epoch that does not end, so that no turn holds the start of the workers.
    sampler = RandomSampler(images, num_samples=len(images) * 10**6)
    batches = iter(DataLoader(images, BATCH, sampler=sampler, num_workers=WORKERS))
    model = rebuild(job.model).net.to(device).train()
    optimizer = build_plain(model, job.optimizer)

    def advance(steps: int) -> None:
        total = 0.0
        for inputs, labels in islice(batches, steps):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(inputs.to(device)), labels.to(device))
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item()

    return advance


def prepare_ours(job: Job) -> Advance:
    """Our Trainer, over epochs that it draws itself."""
    runtime.start(job.threads)
    trainer = build_trainer(job)
    progress = Progress(job.role, 1, len(trainer.train["ids"]), stream=io.StringIO())
    everything = trainer.train

    def advance(steps: int) -> None:
        trainer.saved_at = time.monotonic()
        for batches in split_epochs(steps, len(everything["ids"]) // BATCH):
            # As many images as the steps take, so that an epoch's draws weigh what they do in a whole one.
            trainer.train = {name: tensor[: batches * BATCH] for name, tensor in everything.items()}
            trainer.batches, trainer.position.step = batches, 0
            trainer._train_epoch(progress)
            trainer.position.done += 1

    return advance


def build_trainer(job: Job) -> Trainer:
    """Our Trainer at the start of its only phase."""
    trainer = Trainer(
        rebuild(job.model),
        load_images(job.view),
        classification,
        recipe=job.recipe,
        augmentation=AUGMENTATION,
        seed=0,
        device=torch.device(job.device),
        channels_last=job.model.channels_last,
        checkpoint=Checkpoint(Path("unused"), ""),
        label=job.role,
    )
    trainer._start_phase(0, None)
    return trainer


def build_plain(model: nn.Module, chosen: Optimizer) -> optim.Optimizer:
    """The optimizer as most code builds it, with torch's own choice of implementation."""
    decay = chosen.weight_decay
    if chosen.name == "adam":
        return optim.Adam(model.parameters(), chosen.lr, (chosen.momentum, 0.999), weight_decay=decay)
    return optim.SGD(model.parameters(), chosen.lr, chosen.momentum, weight_decay=decay, nesterov=True)


def split_epochs(steps: int, longest: int) -> list[int]:
    """The lengths of the epochs that together have so many steps."""
    whole, rest = divmod(steps, longest)
    return [longest] * whole + [rest] * (rest > 0)


def prepare_limit(job: Job) -> Advance:
    """What the model alone costs at our settings: no data, no augmentation, no bookkeeping."""
    runtime.start(job.threads)
    device = torch.device(job.device)
    dataset = load_images(job.view)
    images = to_batch(dataset.images[:BATCH].to(device), job.model.channels_last)
    labels = dataset.labels[:BATCH].to(device)
    layout = torch.channels_last if job.model.channels_last else torch.contiguous_format
    model = rebuild(job.model).to(device).to(memory_format=layout).train()
    if device.type == "cpu" and job.precision == "bf16":
        keep_depthwise_in_fp32(model)
    optimizer = build_optimizer(model, make_phase(job.optimizer))

    def advance(steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            with runtime.autocast(job.precision, device):
                outputs = model(images)
                loss = classification.loss(outputs, images, labels, label_smoothing=0.0)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return advance


def prepare_peak(job: Job) -> Advance:
    """One convolution, channels last, over and over."""
    runtime.start(job.threads)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[job.precision]
    conv = nn.Conv2d(PEAK_CHANNELS, PEAK_CHANNELS, 3, padding=1, bias=False, device=job.device, dtype=kind)
    images = torch.randn(PEAK_BATCH, PEAK_CHANNELS, PEAK_SIDE, PEAK_SIDE, device=job.device, dtype=kind)
    conv, images = conv.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def advance(steps: int) -> None:
        for _ in range(steps):
            conv(images)

    return advance


ROLES = {
    "usual": prepare_usual,
    "ours_fp32": prepare_ours,
    "ours": prepare_ours,
    "limit_fp32": prepare_limit,
    "limit": prepare_limit,
}
PEAKS = {"peak_fp32": prepare_peak, "peak_bf16": prepare_peak}
PREPARE = ROLES | PEAKS
