"""Whether entries of params.yaml that a run brings together fit each other."""

from collections.abc import Iterator

from lineup.config.problems import Locate
from lineup.config.resolve import find_augment
from lineup.config.schema import Cnn, Params, Run, RunWeights, View
from lineup.errors import LineupError


def find_misfits(params: Params, locate: Locate) -> Iterator[LineupError]:
    """What cannot go together in the checked `params`."""
    for find in (_size_problems, _normalisation_problems, _phase_problems):
        yield from find(params, locate)


def _size_problems(params: Params, locate: Locate) -> Iterator[LineupError]:
    for section, runs in (("runs", params.runs), ("waiting", params.waiting)):
        for name, run in runs.items():
            yield from _size_problem(locate(f"{section}.{name}"), run, params)
            yield from _task_problems(locate(f"{section}.{name}"), run, params)


def _size_problem(where: str, run: Run, params: Params) -> Iterator[LineupError]:
    size, augment = params.views[run.view].size, find_augment(params, run)
    for key, pixels in (("crop", augment.crop), ("cutout", augment.cutout)):
        if pixels >= size:
            found = f"augments.{run.augment}.{key} is {pixels}"
            yield LineupError(where, found, f"less than the {size} pixels of view {run.view}", "lower it")
    if run.family == "cnn" and _last_side(params.models["cnn"][run.model], size) < 1:
        found = f"models.cnn.{run.model} leaves nothing of an image"
        yield LineupError(
            where, found, f"the {size} pixels of view {run.view} to last", "remove a pool or conv"
        )


def _task_problems(where: str, run: Run, params: Params) -> Iterator[LineupError]:
    """What does not fit a run's task: only autoencoders reconstruct, and they know no labels or logits."""
    if (run.task == "reconstruction") != (run.family == "autoencoder"):
        found = f"task {run.task} with family {run.family}"
        yield LineupError(where, found, "reconstruction with an autoencoder, and no other", "change one")
    elif run.task == "reconstruction":
        poolings = len(params.models["autoencoder"][run.model].filters) - 1
        if params.views[run.view].size % 2**poolings:
            found = f"models.autoencoder.{run.model} halves an image {poolings} times"
            expected = f"that to divide the {params.views[run.view].size} pixels of view {run.view}"
            yield LineupError(where, found, expected, "use fewer filters or another view")
        if run.tta != "none":
            yield LineupError(where, f"tta {run.tta}", "none for reconstruction", "set it to none")
        if params.recipes[run.recipe].label_smoothing:
            found = f"recipes.{run.recipe}.label_smoothing"
            yield LineupError(where, found, "none for reconstruction", "use a recipe without it")


def _phase_problems(params: Params, locate: Locate) -> Iterator[LineupError]:
    """Phases that would end before the learning rate has risen, and Nesterov's method without momentum."""
    for name, recipe in params.recipes.items():
        phases = {f"phases.{key}": phase for key, phase in recipe.phases.items()} or {"": {}}
        for place, changes in phases.items():
            phase = {**dict(recipe), **changes}
            where = ".".join(word for word in (locate(f"recipes.{name}"), place) if word)
            schedule, epochs = phase["schedule"], phase["epochs"]
            if schedule.name == "cosine" and schedule.warmup >= epochs:
                found = f"{schedule.warmup:g} epochs of {epochs}"
                fix = "lower it, or train longer"
                yield LineupError(f"{where}.schedule.warmup", found, "less than the epochs", fix)
            if phase["optimizer"] == "nesterov" and not phase["momentum"]:
                yield LineupError(
                    f"{where}.momentum", "0 with nesterov", "more than 0", "raise it, or use sgd"
                )


def _normalisation_problems(params: Params, locate: Locate) -> Iterator[LineupError]:
    """Grey views normalised by colours, and views that contradict the run whose weights are taken over.

    All other weights have a record of their normalisation, which training compares.
    """
    for name, view in params.views.items():
        if view.normalize == "imagenet" and view.color == "gray":
            where, found = locate(f"views.{name}.normalize"), "imagenet for grey images"
            yield LineupError(
                where, found, "a normalisation for one channel", "use unit, symmetric or channel"
            )
    runs, table = {**params.waiting, **params.runs}, {**params.waiting_weights, **params.weights}
    for section in ("runs", "waiting"):
        for name, run in getattr(params, section).items():
            weights = table[run.weights]
            if isinstance(weights, RunWeights):
                ours, theirs = params.views[run.view], params.views[runs[weights.run].view]
                where = locate(f"{section}.{name}.view")
                yield from _view_problem(where, ours, theirs, weights.run)


def _view_problem(where: str, ours: View, theirs: View, run: str) -> Iterator[LineupError]:
    """What a view shows otherwise than that of the run whose weights are taken over, in one line."""
    keys = [key for key in ("color", "normalize") if getattr(ours, key) != getattr(theirs, key)]
    expected, fix = (
        "images as the weights were trained with",
        f"give both views the same {' and '.join(keys)}",
    )
    if not keys and ours.normalize == "channel" and ours.dataset != theirs.dataset:
        keys, fix = (
            ["dataset"],
            "give both views another `normalize`: channel has each dataset's own statistics",
        )
    if keys:
        found = " and ".join(f"{key} {getattr(ours, key)}" for key in keys)
        found += f", the weights of run {run} have {' and '.join(getattr(theirs, key) for key in keys)}"
        yield LineupError(where, found, expected, fix)


def _last_side(cnn: Cnn, size: int) -> int:
    """Return the side that convolutions (3x3) and pools (2x2) leave of `size` pixels."""
    for layer in cnn.layers:
        if layer.startswith("conv") and cnn.padding == "valid":
            size -= 2
        elif layer == "pool":
            size //= 2
    return size
