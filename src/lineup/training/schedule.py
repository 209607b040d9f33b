"""Learning-rate schedules by name."""

import math
from typing import Any

from torch import optim

from lineup.settings.run import Schedule as Spec


class Schedule:
    """The learning rate over a phase of `steps` steps, `steps_per_epoch` of them an epoch.

    constant; cosine: linear warm-up over `warmup` epochs, then half a cosine to zero (Loshchilov and Hutter
    2017); one_cycle: linearly up over the fraction `warmup`, linearly down to zero (Smith 2018); plateau:
    times `factor` after `patience` epochs without a better validation loss, not below `floor`.
    """

    def __init__(self, optimizer: optim.Optimizer, spec: Spec, steps: int, steps_per_epoch: int) -> None:
        self.plateau = None
        if spec.factor is not None and spec.patience is not None:
            self.plateau = optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=spec.factor, patience=spec.patience, min_lr=spec.floor or 0.0
            )
            return
        warm = (spec.warmup or 0.0) * (steps if spec.name == "one_cycle" else steps_per_epoch)
        self.by_step = optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: scale(spec.name, step, steps, warm)
        )

    def after_step(self) -> None:
        """Set the learning rate of the next step."""
        if self.plateau is None:
            self.by_step.step()

    def after_epoch(self, val_loss: float) -> None:
        """Lower the learning rate where the validation loss has stalled."""
        if self.plateau is not None:
            self.plateau.step(val_loss)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs."""
        return (self.plateau or self.by_step).state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        (self.plateau or self.by_step).load_state_dict(state)


def scale(name: str, step: int, steps: int, warm: float) -> float:
    """The fraction of the full rate at `step` of `steps`, of which the first `warm` lead up to it."""
    if step < warm:
        return (step + 1) / (warm + 1)
    done = min((step - warm) / max(steps - warm, 1), 1.0)
    if name == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    return 1 - done if name == "one_cycle" else 1.0
