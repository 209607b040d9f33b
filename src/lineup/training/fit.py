"""Training one model from one seed, phase after phase, resumable bit for bit."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lineup.components import FREEZING, freezes, name_optimizer
from lineup.console import Progress, Stopped, uninterrupted
from lineup.data.dataset import ImageDataset
from lineup.errors import LineupError
from lineup.inference import predict, to_batch
from lineup.models import PixelModel, count_parameters
from lineup.precision import keep_depthwise_in_fp32
from lineup.runtime import autocast
from lineup.settings.run import Augmentation, Phase, Recipe
from lineup.tasks import Task
from lineup.training.augment import augment, sample_epoch
from lineup.training.batches import Batches
from lineup.training.checkpoint import Checkpoint
from lineup.training.sampling import sample_order
from lineup.training.schedule import Schedule

SECONDS_BETWEEN_CHECKPOINTS = 60.0
SECONDS_UNINTERRUPTED = 0.25  # the longest that a signal waits, or one step
STEPS_BETWEEN_LOOKS = 50  # reading a loss makes an accelerator wait, so it is read seldom
VALIDATION_BATCH = 500

Weights = dict[str, Tensor]
Row = dict[str, Any]  # of a learning curve: an epoch


@dataclass
class Position:
    """Where a training stands; all of it goes into the checkpoint."""

    phase: int = 0
    epoch: int = 0  # finished epochs of the phase
    step: int = 0  # finished steps of the epoch
    done: int = 0  # finished epochs of all phases
    stale: int = 0  # epochs since the best one
    best: float | None = None
    rows: list[Row] = field(default_factory=list)  # the learning curve
    seconds: list[float] = field(default_factory=list)  # training time of each epoch, validation left out
    lr: float = 0.0  # at the start of the epoch
    partial_seconds: float = 0.0  # of the epoch under way, from earlier processes
    trainable: dict[str, int] = field(default_factory=dict)  # parameters trained in each phase


@dataclass(frozen=True)
class Fitted:
    """A finished training: the kept weights on the CPU, the learning curve and the time it took."""

    weights: Weights
    rows: list[Row]
    seconds: list[float]
    trainable: dict[str, int]


class Trainer:
    """One model, its data on the device, and the recipe it follows.

    on_epoch: called after each epoch with the learning curve so far.
    """

    def __init__(
        self,
        model: PixelModel,
        dataset: ImageDataset,
        task: Task,
        *,
        recipe: Recipe,
        augmentation: Augmentation,
        seed: int,
        device: torch.device,
        channels_last: bool,
        checkpoint: Checkpoint,
        label: str,
        on_epoch: Callable[[list[Row]], object] = lambda _: None,
    ) -> None:
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(device).to(memory_format=layout)
        if device.type == "cpu" and recipe.precision == "bf16":
            keep_depthwise_in_fp32(self.model)
        self.task, self.recipe, self.augmentation, self.seed = task, recipe, augmentation, seed
        self.on_epoch = on_epoch
        self.device, self.channels_last, self.checkpoint, self.label = (
            device,
            channels_last,
            checkpoint,
            label,
        )
        self.train, self.held_out = (
            _select(dataset, ~dataset.held_out, device),
            _select(dataset, dataset.held_out, device),
        )
        blank = torch.tensor(dataset.channel_mean, device=device)
        self.vary = partial(augment, blank=blank, **vars(augmentation))
        freezing = import_module(FREEZING) if freezes(recipe.phases) else None
        self.freezer = freezing.Freezer(self.model) if freezing else None
        self.batches = _count_batches(len(self.train["ids"]), recipe.batch_size)
        self.position = Position()
        self.sums = torch.zeros(len(task.SCORES), dtype=torch.float64, device=device)
        self.losses = torch.zeros(self.batches, device=device)
        self.best_weights: Weights = {}
        self.saved_at = time.monotonic()

    def fit(self) -> Fitted:
        """Train through all phases, or the rest of them if a checkpoint of this very training is there.

        Raises LineupError when the loss is no longer finite or memory runs out; saves a checkpoint and
        re-raises when the process is asked to stop.
        """
        state = self.checkpoint.load()
        if state:
            self.position = Position(**state["position"])
            print(
                f"{self.label}: going on after epoch {self.position.done}, step {self.position.step}",
                flush=True,
            )
        try:
            for index in range(self.position.phase, len(self.recipe.phases)):
                self._fit_phase(index, state)
                state = None
        except torch.OutOfMemoryError as error:
            raise self._out_of_memory() from error
        except RuntimeError as error:
            if "can't allocate memory" in str(error):
                raise self._out_of_memory() from error
            raise
        position = self.position
        return Fitted(self._kept_weights(), position.rows, position.seconds, position.trainable)

    def _fit_phase(self, index: int, state: dict[str, Any] | None) -> None:
        self._start_phase(index, state)
        phase, position = self.recipe.phases[index], self.position
        total = position.done - position.epoch + phase.epochs
        try:
            with self._start_progress(phase, total) as progress:
                while position.epoch < phase.epochs and not (0 < phase.patience <= position.stale):
                    self._train_epoch(progress)
                    with uninterrupted():
                        self._end_epoch(phase, progress)
                    self._save_if_due()
        except Stopped:
            self._save()
            raise
        with uninterrupted():
            self._end_phase()

    def _start_phase(self, index: int, state: dict[str, Any] | None) -> None:
        """Build what belongs to a phase and, given the state of a checkpoint, bring all of it back."""
        phase = self.recipe.phases[index]
        if self.freezer:
            self.freezer.start(phase)
        self.position.trainable[phase.name] = count_parameters(self.model)[1]
        self.optimizer = build_optimizer(self.model, phase)
        if self.freezer:
            self.freezer.spread_rates(self.optimizer, phase)
        steps = phase.epochs * self.batches
        self.schedule = Schedule(self.optimizer, phase.schedule, steps, self.batches)
        self.average = self._start_average()
        if state:
            self._restore(state)

    def _start_average(self) -> AveragedModel | None:
        """The moving average of weights and statistics (Polyak and Juditsky 1992), if asked for."""
        if not self.recipe.ema_decay:
            return None
        average = get_ema_multi_avg_fn(self.recipe.ema_decay)  # type: ignore[no-untyped-call]
        return AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)

    def _train_epoch(self, progress: Progress) -> None:
        """Train the rest of an epoch, from the step that the position names."""
        position = self.position
        began = time.perf_counter() - position.partial_seconds
        self.model.train()
        if self.freezer:
            self.freezer.hold_statistics()
        if position.step == 0:
            position.lr = self.optimizer.param_groups[0]["lr"]
        batches = self._draw_batches()
        while position.step < self.batches:
            with uninterrupted():
                self._take_steps(batches)
                position.partial_seconds = time.perf_counter() - began
            if position.step % STEPS_BETWEEN_LOOKS == 0:
                self._check_losses()
                self._save_if_due()
            if progress.due():
                self._show(progress)
        self._check_losses()  # also waits for the accelerator, so that the time is that of finished work
        position.partial_seconds = time.perf_counter() - began

    def _draw_batches(self) -> Batches:
        """The batches of the epoch that the position names."""
        epoch, ids = self.position.done, self.train["ids"]
        return Batches(
            self.train,
            sample_order(self.seed, epoch, len(ids)).to(self.device),
            sample_epoch(self.seed, epoch, ids, self.augmentation.flip),
            self.vary,
            batch_size=self.recipe.batch_size,
            channels_last=self.channels_last,
        )

    def _take_steps(self, batches: Batches) -> None:
        """Train until it is time to look at the losses, the epoch ends, or a moment has passed."""
        until, taken = time.perf_counter() + SECONDS_UNINTERRUPTED, []
        while True:
            images, labels = batches[self.position.step]
            taken.append((*self._step(images, labels), images, labels))
            step = self.position.step
            if step % STEPS_BETWEEN_LOOKS == 0 or step == self.batches or time.perf_counter() > until:
                break
        # Here and not in each step: between two steps caches are cold, and every small call costs threefold.
        for done, (loss, outputs, *batch) in enumerate(taken, start=step - len(taken)):
            self.losses[done] = loss
            self.sums += self.task.score(outputs, *batch)

    def _step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of the optimizer; the loss and the outputs of the model before it."""
        self.optimizer.zero_grad()
        with autocast(self.recipe.precision, self.device):
            outputs = self.model(images)
            loss = self.task.loss(outputs, images, labels, label_smoothing=self.recipe.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.after_step()
        if self.average:
            self.average.update_parameters(self.model)
        self.position.step += 1
        return loss.detach(), outputs.detach()

    def _end_epoch(self, phase: Phase, progress: Progress) -> None:
        position, trained = self.position, self._means(self.sums, "train", self.train)
        validated = self._means(self._validate(), "val", self.held_out)
        position.done, position.epoch, position.step = position.done + 1, position.epoch + 1, 0
        row = {
            "phase": phase.name,
            "epoch": position.done,
            "lr": position.lr,
            **trained,
            **validated,
            "best": 0,
        }
        position.rows.append(row)
        position.seconds.append(position.partial_seconds)
        position.partial_seconds = 0.0
        self._remember(validated[f"val_{self.task.SELECT}"])
        self.schedule.after_epoch(validated["val_loss"])
        self.sums.zero_()
        progress.end_epoch(position.done, *(validated[f"val_{name}"] for name in self.task.SCORES))
        self.on_epoch(position.rows)

    def _remember(self, score: float) -> None:
        """Note whether this epoch is the phase's best, and keep its weights where the best are wanted."""
        position, sign = self.position, 1 if self.task.LARGER_IS_BETTER else -1
        if position.best is not None and sign * score <= sign * position.best:
            position.stale += 1
            return
        position.best, position.stale = score, 0
        if self.recipe.checkpoint == "best":
            self.best_weights = _copy(self._judged().state_dict())

    def _end_phase(self) -> None:
        """Keep the phase's weights, mark their epoch, and get ready for the next phase."""
        position = self.position
        self._judged().load_state_dict(self._kept_weights())
        if self.average:
            self.model.load_state_dict(self.average.module.state_dict())
        for row in position.rows:
            row["best"] = 0
        position.rows[-1 - (position.stale if self.recipe.checkpoint == "best" else 0)]["best"] = 1
        position.phase, position.epoch, position.stale, position.best = position.phase + 1, 0, 0, None
        self.best_weights = {}

    def _validate(self) -> Tensor:
        outputs = predict(
            self._judged(),
            self.held_out["images"],
            batch_size=VALIDATION_BATCH,
            precision=self.recipe.precision,
            device=self.device,
            channels_last=self.channels_last,
        )
        images = to_batch(self.held_out["images"], self.channels_last).cpu()
        total: Tensor = self.task.score(outputs, images, self.held_out["labels"].cpu())
        return total

    def _judged(self) -> nn.Module:
        """The model that is validated and kept: the average where there is one."""
        return self.average.module if self.average else self.model

    def _kept_weights(self) -> Weights:
        return self.best_weights or _copy(self._judged().state_dict())

    def _means(self, sums: Tensor, prefix: str, part: Mapping[str, Tensor]) -> dict[str, float]:
        """Sums over an epoch as means an image, rounded to what is worth printing."""
        seen = len(part["ids"]) if prefix == "val" else self._images_an_epoch()
        means = (sums / seen).tolist()
        return {
            f"{prefix}_{name}": round(mean, 6) for name, mean in zip(self.task.SCORES, means, strict=True)
        }

    def _images_an_epoch(self) -> int:
        return min(len(self.train["ids"]), self.batches * self.recipe.batch_size)

    def _show(self, progress: Progress) -> None:
        position = self.position
        images = position.step * self.recipe.batch_size
        loss, score = (self.sums[:2] / images).tolist()
        progress.show(position.done + 1, images, loss, score)

    def _check_losses(self) -> None:
        """Raise LineupError if a loss of this epoch was not finite, naming the first such step."""
        finite = self.losses[: self.position.step].isfinite()
        if not finite.all():
            step = int((~finite).nonzero()[0]) + 1
            where = f"{self.label} epoch {self.position.done + 1} step {step}"
            raise LineupError(
                where,
                f"the loss is {self.losses[step - 1].item()} at lr {self.position.lr:g}",
                "a finite loss",
                "lower the recipe's lr",
            )

    def _out_of_memory(self) -> LineupError:
        found = f"out of memory with batch_size {self.recipe.batch_size}"
        return LineupError(
            self.label, found, "a batch that fits", "lower the recipe's batch_size or the model's input_size"
        )

    def _start_progress(self, phase: Phase, epochs: int) -> Progress:
        label, images = f"{self.label} {phase.name}".rstrip(), len(self.train["ids"])
        return Progress(label, epochs, images, self.position.done, score=self.task.SCORES[1])

    def _save_if_due(self) -> None:
        if time.monotonic() - self.saved_at > SECONDS_BETWEEN_CHECKPOINTS:
            with uninterrupted():
                self._save()

    def _save(self) -> None:
        state = {
            "position": asdict(self.position),
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best_weights": self.best_weights,
            "sums": self.sums,
            "losses": self.losses,
            "generator": torch.get_rng_state(),
            "cuda_generator": torch.cuda.get_rng_state() if self.device.type == "cuda" else None,
        }
        self.checkpoint.save(state)
        self.saved_at = time.monotonic()

    def _restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.best_weights = state["best_weights"]
        self.sums.copy_(state["sums"])
        self.losses.copy_(state["losses"])
        torch.set_rng_state(state["generator"])
        if state["cuda_generator"] is not None:
            torch.cuda.set_rng_state(state["cuda_generator"])


def build_optimizer(model: nn.Module, phase: Phase) -> torch.optim.Optimizer:
    """The optimizer of `phase`, over those parameters of `model` that it trains."""
    module = import_module(name_optimizer(phase.optimizer))
    options = {"lr": phase.lr, "momentum": phase.momentum, "weight_decay": phase.weight_decay}
    optimizer: torch.optim.Optimizer = module.build(model, **options)
    return optimizer


def _select(dataset: ImageDataset, chosen: Tensor, device: torch.device) -> dict[str, Tensor]:
    parts = {"images": dataset.images, "labels": dataset.labels, "ids": dataset.ids}
    return {name: tensor[chosen].to(device) for name, tensor in parts.items()}


def _count_batches(images: int, batch_size: int) -> int:
    """Batches an epoch. A last batch of one image is left out: batch norm cannot normalise it."""
    full, rest = divmod(images, batch_size)
    return full + (rest > 1 or full == 0)


def _copy(weights: Mapping[str, Tensor]) -> Weights:
    return {name: copy.deepcopy(tensor.detach()).cpu().contiguous() for name, tensor in weights.items()}
