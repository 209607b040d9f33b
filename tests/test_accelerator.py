"""What can be known of CUDA without it: tensors follow the device, and it has all operations we need."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lineup.config.params import load
from lineup.config.resolve import resolve_run
from lineup.data.dataset import ImageDataset
from lineup.models import build_model
from lineup.training.checkpoint import Checkpoint
from lineup.training.fit import Trainer

PARAMS = load(Path(__file__).parents[1] / "params.yaml")
RUNS = {**PARAMS.runs, **PARAMS.waiting}
BATCH = 4
# Tensors of this device have a shape and no numbers, and like CUDA's they do not go with the CPU's.
ELSEWHERE = torch.device("meta")

# Parts of the names of operations that torch.use_deterministic_algorithms refuses on CUDA, after its
# documentation; where they end in backward, it is the gradient alone.
REFUSED = (
    "adaptive_avg_pool2d_backward", "adaptive_avg_pool3d_backward", "adaptive_max_pool2d_backward",
    "avg_pool3d_backward", "max_pool3d_with_indices_backward", "fractional_max_pool2d_backward",
    "max_unpool2d", "upsample_linear1d_backward", "upsample_bilinear2d_backward",
    "upsample_bicubic2d_backward", "reflection_pad1d_backward", "reflection_pad2d_backward",
    "replication_pad2d_backward", "grid_sampler_2d_backward", "nll_loss2d", "ctc_loss_backward",
    "histc", "bincount", "kthvalue", "cumsum", "put_",
)  # fmt: skip


class Recorder(TorchDispatchMode):
    """Notes which operations are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):  # type: ignore[no-untyped-def]
        self.names.add(operation.overloadpacket.__name__)
        return operation(*arguments, **(options or {}))


def make_dataset(size: int) -> ImageDataset:
    ids = torch.arange(4 * BATCH)
    images, scale = torch.zeros(len(ids), size, size, 3, dtype=torch.uint8), ((120.0,) * 3, (60.0,) * 3) * 2
    return ImageDataset(images, ids % 10, ids, ids % 2 == 0, tuple("0123456789"), *scale)


def find_refused(names: set[str]) -> list[str]:
    return sorted(name for name in names if any(part in name for part in REFUSED))


def record_step(net: nn.Module, images: Tensor) -> set[str]:
    """The operations of a training step, its gradients included."""
    with Recorder() as recorder:
        net(images).sum().backward()
    return recorder.names


@pytest.mark.parametrize(
    "name",
    [
        "d3",  # turned and shifted
        "small",  # our own kernels, flipped in turns
        "e1_advanced",  # other colours
        "c4",  # a frozen base behind an enlargement
        "a6",  # reconstruction
    ],
)
def test_a_step_has_every_tensor_on_the_device(name: str, tmp_path: Path) -> None:
    run = resolve_run(PARAMS, name)
    size = PARAMS.views[run.view].size
    task, dataset = import_module(f"lineup.tasks.{run.task}"), make_dataset(size)
    scale = {"mean": dataset.mean, "std": dataset.std}
    trainer = Trainer(
        build_model(run.model.family, run.model.spec, outputs=10, channels=3, size=size, **scale),
        dataset,
        task,
        recipe=replace(run.recipe, batch_size=BATCH),
        augmentation=run.augmentation,
        seed=0,
        device=ELSEWHERE,
        channels_last=True,
        checkpoint=Checkpoint(tmp_path / "state.pt", "one"),
        label=name,
    )
    images, labels = trainer._draw_batches()[0]
    outputs = trainer.model(images)
    loss = task.loss(outputs, images, labels, label_smoothing=0.1)
    loss.backward()
    trainer.sums += task.score(outputs.detach(), images, labels)
    made = [images, labels, outputs, loss, trainer.sums, *(each.grad for each in trainer.model.parameters())]
    assert {each.device for each in made if each is not None} == {ELSEWHERE}


def list_networks() -> dict[str, tuple[str, str]]:
    """One model of each kind of network that the runs train; only sizes tell others from it."""
    found = {}
    for run in RUNS.values():
        spec = PARAMS.models[run.family][run.model].model_dump()
        kind = [spec.get(key) for key in ("arch", "stem", "head")] if "arch" in spec else sorted(spec)
        found.setdefault(f"{run.family} {kind}", (run.family, run.model))
    return found


@pytest.mark.parametrize(("family", "model"), list_networks().values(), ids=lambda name: name)
def test_cuda_has_every_operation_of_our_networks_deterministically(family: str, model: str) -> None:
    spec = PARAMS.models[family][model].model_dump()
    scale = {"mean": (1.0,) * 3, "std": (1.0,) * 3}
    with ELSEWHERE:
        network = build_model(family, spec, outputs=2, channels=3, size=32, **scale).train()
        names = record_step(network, torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    assert any(name.endswith("backward") for name in names)
    assert find_refused(names) == []


def test_an_operation_that_cuda_refuses_is_found() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(3))
    assert find_refused(record_step(net, torch.zeros(2, 3, 32, 32))) == ["_adaptive_avg_pool2d_backward"]
