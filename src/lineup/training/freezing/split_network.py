"""Where a network, of which only the later layers are trained, can be cut in two."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
WORTHWHILE = 0.5  # share of the frozen parameters that come before the cut


@dataclass(frozen=True)
class SplitNetwork:
    """The network `net` in two parts: what comes before its module `place`, and all from there on.

    before: the modules of the first part, each with what it gives for no image; such empty tensors take the
    place of features on the way through code that has to be passed to come to the second part.
    """

    net: nn.Module
    place: nn.Module
    before: Mapping[nn.Module, Tensor]

    def compute_first(self, images: Tensor) -> Tensor:
        """What reaches `place` when the network is given `images` [n, c, h, w]."""
        with _before(self.place, _stop):
            try:
                compute_whole(self.net, images)
            except _Reached as reached:
                return reached.features
        raise AssertionError("a network does not come to where it was cut")

    def compute_second(self, images: Tensor, features: Tensor) -> Tensor:
        """What the network gives for the `features` that it has for `images`; no image is looked at."""
        forwards = {module: module.__dict__.get("forward") for module in self.before}
        for module, nothing in self.before.items():
            module.forward = _give(nothing)
        try:
            with _before(self.place, lambda *_: (features,)):
                return compute_whole(self.net, images[:0])
        finally:
            for module, forward in forwards.items():
                del module.forward
                if forward:
                    module.forward = forward


def find_split(net: nn.Module, images: Tensor) -> SplitNetwork | None:
    """The cut before the first trained layer, or before the smallest module around it where one can be.

    In a residual block what goes past the layer counts as well, so that the cut comes before the block. None
    if the part before is more than a function of the image (dropout, batch norm with the batch's
    statistics), if both parts, one after the other, do not give for `images` what the network gives, or if
    too little of what is frozen comes before.
    """
    trial = copy.deepcopy(net)  # statistics of batch norm and gradients would change
    trial.__dict__.pop("forward", None)
    for name in _enclose(next(name for name, module in net.named_modules() if _is_trained(module))):
        cut = _split(trial, name, images)
        if cut and _is_worthwhile(cut) and _is_repeatable(cut, images) and _agrees(cut, images):
            return _split(net, name, images)
    return None


def compute_whole(net: nn.Module, images: Tensor) -> Tensor:
    """What `net` gives by its own forward pass, whatever stands in for it."""
    outputs: Tensor = type(net).forward(net, images)
    return outputs


def _enclose(name: str) -> Iterator[str]:
    """A module's name, and those of the modules around it but for the network itself."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _split(net: nn.Module, name: str, images: Tensor) -> SplitNetwork | None:
    """Note what a pass of `images` goes through before it comes to the module called `name`."""
    place, given = net.get_submodule(name), dict[nn.Module, Tensor]()

    def note(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            given[module] = output[:0].detach().clone()

    handles = [module.register_forward_hook(note) for module in net.modules() if module is not net]
    try:
        with torch.no_grad(), _forked(images):
            SplitNetwork(net, place, {}).compute_first(images)
    except AssertionError:
        return None
    finally:
        for handle in handles:
            handle.remove()
    inner = {module for each in given for module in each.modules() if module is not each}
    return SplitNetwork(
        net, place, {module: nothing for module, nothing in given.items() if module not in inner}
    )


def _is_worthwhile(cut: SplitNetwork) -> bool:
    before = sum(_count_frozen(module) for module in cut.before)
    return before >= WORTHWHILE * _count_frozen(cut.net)


def _count_frozen(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if not parameter.requires_grad)


def _is_repeatable(cut: SplitNetwork, images: Tensor) -> bool:
    """Whether the first part keeps no statistics and draws no random numbers."""
    modules = (module for each in cut.before for module in each.modules())
    if any(isinstance(module, NORMS) and module.training for module in modules):
        return False
    with torch.no_grad(), _forked(images):
        before = _random_state(images)
        cut.compute_first(images)
        return torch.equal(before, _random_state(images))


def _agrees(cut: SplitNetwork, images: Tensor) -> bool:
    """Whether both parts give the outputs of the whole, and gradients to the same parameters."""
    with torch.no_grad():
        features = cut.compute_first(images)
    whole = _try(cut.net, images, lambda: compute_whole(cut.net, images))
    try:
        parts = _try(cut.net, images, lambda: cut.compute_second(images, features))
    except Exception:  # something goes past the cut, into whatever code that is
        return False
    return torch.equal(whole[0], parts[0]) and whole[1] == parts[1]


def _try(net: nn.Module, images: Tensor, compute: Callable[[], Tensor]) -> tuple[Tensor, list[bool]]:
    """Outputs, and which parameters get a gradient."""
    net.zero_grad()
    with torch.enable_grad(), _forked(images):
        outputs = compute()
        outputs.float().sum().backward()  # type: ignore[no-untyped-call]
    return outputs.detach(), [parameter.grad is not None for parameter in net.parameters()]


def _is_trained(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters(False))


@contextmanager
def _before(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    handle = module.register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


class _Reached(Exception):  # noqa: N818
    """Ends a forward pass where the network is cut."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


def _stop(_: nn.Module, inputs: tuple[Tensor]) -> None:
    raise _Reached(inputs[0])


def _give(tensor: Tensor) -> Callable[..., Tensor]:
    return lambda *_, **__: tensor


def _forked(images: Tensor) -> Any:
    """Random numbers drawn within are not missed afterwards."""
    return torch.random.fork_rng([images.device] if images.is_cuda else [])


def _random_state(images: Tensor) -> Tensor:
    return torch.cuda.get_rng_state(images.device) if images.is_cuda else torch.get_rng_state()
