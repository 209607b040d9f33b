"""Muon for the kernels of a network, AdamW for all else: for networks with many parameters of other kinds."""

from collections.abc import Callable

import torch
from torch import nn, optim

from lineup.training.optimizers.muon import _turn

ADAM_RATE = 0.01  # of the kernels' rate: 0.2 for Muon goes with 0.002 for AdamW
BETAS = (0.9, 0.99)


def build(net: nn.Module, *, lr: float, momentum: float, weight_decay: float) -> optim.Optimizer:
    """Build it: lr and momentum are Muon's, weight_decay is AdamW's, since kernels are kept at one length."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    kernels = [parameter for parameter in trained if parameter.ndim == 4 and parameter.shape[1] > 1]
    known = set(kernels)
    rest = [parameter for parameter in trained if parameter not in known]
    groups = [
        {"params": kernels, "lr": lr, "momentum": momentum, "turned": True},
        {"params": rest, "lr": lr * ADAM_RATE, "weight_decay": weight_decay, "turned": False},
    ]
    return MuonAdamW([group for group in groups if group["params"]], betas=BETAS, fused=True)


class MuonAdamW(optim.AdamW):
    """Groups that are `turned` follow Muon, the others AdamW."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step along the gradients; those of kernels are gone afterwards."""
        for group in self.param_groups:
            for parameter in group["params"] if group["turned"] else ():
                if parameter.grad is not None:
                    state = self.state[parameter]
                    if not state:
                        # AdamW counts steps in every state that it loads.
                        state["step"] = torch.zeros(())
                        state["velocity"] = torch.zeros_like(parameter)
                    _turn(parameter, state["velocity"], group)
                    parameter.grad = None  # so that AdamW passes over it
        super().step()
