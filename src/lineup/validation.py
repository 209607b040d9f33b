"""Whether what the parameters declare can be built and trained, found out before anything runs."""

from collections.abc import Iterable, Iterator, Mapping

import torch

from lineup.config.problems import Locate, refuse
from lineup.config.schema import Family, FileWeights, Params, Recipe, Run, TimmWeights, Weights
from lineup.data.prepare import Statistics
from lineup.environment import processor_name
from lineup.errors import LineupError, nearest
from lineup.models import PixelModel
from lineup.normalisation import refuse_other_normalisation
from lineup.training.freezing.freezer import set_trainable
from lineup.training.names import find_layers
from lineup.trial import try_out

Network = tuple[Family, str, str, int]  # family, model, and the colour and size of its images

# What PyTorch computes with on x86 processors that lack AVX-512; bf16 is emulated there (docs/speed.md).
WITHOUT_BF16 = ("AVX2", "NO AVX")
MUON = ("muon", "muon_adamw")  # turn kernels in bf16, whatever the precision


def validate(params: Params, locate: Locate) -> None:
    """Refuse networks that cannot be built or trained as declared, and weights that do not fit."""
    refuse([*find_problems(params, locate), *find_weights_problems(params, locate)])


def find_problems(params: Params, locate: Locate) -> Iterator[LineupError]:
    """Try out each network that a run trains, once, and look up in it what its recipes train."""
    for (family, model, color, size), runs in group_runs(params).items():
        place = f"models.{family}.{model}"
        where = f"{locate(place)} ({name_runs(runs)})"
        spec, channels = params.models[family][model].model_dump(), 3 if color == "rgb" else 1
        try:
            built = try_out(where, family, spec, channels=channels, size=size)
        except LineupError as error:
            yield error
            continue
        for recipe in dict.fromkeys(run.recipe for run in runs.values()):
            users = [name for name, run in runs.items() if run.recipe == recipe]
            for key, trainable in list_trainable(params.recipes[recipe]).items():
                where = f"{locate(f'recipes.{recipe}.{key}')} ({name_runs(users)})"
                yield from find_layer_problem(where, built, place, trainable)


def group_runs(params: Params) -> dict[Network, dict[str, Run]]:
    """The runs, those that wait too, by the network they train."""
    groups: dict[Network, dict[str, Run]] = {}
    for name, run in {**params.runs, **params.waiting}.items():
        view = params.views[run.view]
        groups.setdefault((run.family, run.model, view.color, view.size), {})[name] = run
    return groups


def name_runs(names: Iterable[str]) -> str:
    """Name the first run, and how many more there are."""
    first, *more = names
    return f"run {first} and {len(more)} more" if more else f"run {first}"


def list_trainable(recipe: Recipe) -> dict[str, str | float]:
    """What the phases train, by the key that says so; a recipe's own value counts where a phase has none."""
    phases = {f"phases.{name}.trainable": phase for name, phase in recipe.phases.items()}
    values = {key: phase["trainable"] for key, phase in phases.items() if "trainable" in phase}
    return values if phases and len(values) == len(phases) else {"trainable": recipe.trainable, **values}


def find_layer_problem(
    where: str, built: PixelModel, place: str, trainable: str | float
) -> Iterator[LineupError]:
    """What `where` names must be in the network, which stands at `place`."""
    try:
        set_trainable(built, trainable)
    except LineupError as error:
        # Whole blocks can be named too.
        names = {"all", "head"}
        for layer in find_layers(built.net):
            parts = layer.split(".")
            names |= {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        fix = nearest(str(trainable), names)
        yield LineupError(where, f"no layer {trainable!r} in {place}", error.expected, fix)


def find_weights_problems(params: Params, locate: Locate) -> Iterator[LineupError]:
    """Weights that timm does not have, and views that normalise otherwise than the weights of a run want."""
    sections: Mapping[str, Mapping[str, Weights]] = {
        "weights": params.weights,
        "waiting_weights": params.waiting_weights,
    }
    for section, entries in sections.items():
        for name, weights in entries.items():
            try:
                wanted = find_wanted(weights)
            except LineupError as error:
                yield LineupError(locate(f"{section}.{name}"), error.found, error.expected, error.fix)
                continue
            if wanted:
                yield from compare_views(params, name, wanted, locate)


def find_wanted(weights: Weights) -> Statistics | None:
    """Mean and std of the images that weights were trained on; None for those that name no such thing."""
    if isinstance(weights, TimmWeights):
        # timm loads slowly.
        from lineup.weights.timm import find_statistics

        return find_statistics(weights.model)
    return (tuple(weights.mean), tuple(weights.std)) if isinstance(weights, FileWeights) else None


def compare_views(params: Params, weights: str, wanted: Statistics, locate: Locate) -> Iterator[LineupError]:
    """Compare with each view, once, of the runs that start from `weights`."""
    users = {name: run for name, run in {**params.runs, **params.waiting}.items() if run.weights == weights}
    for view in dict.fromkeys(run.view for run in users.values()):
        names = name_runs(name for name, run in users.items() if run.view == view)
        where, entry = f"{locate(f'views.{view}')} ({names}, weights {weights})", params.views[view]
        try:
            refuse_other_normalisation(where, wanted, color=entry.color, normalize=entry.normalize)
        except LineupError as error:
            yield error


def find_slow_runs(params: Params) -> Iterator[str]:
    """Name the runs that this machine could train far sooner otherwise; nothing is wrong with them."""
    capability = torch.backends.cpu.get_cpu_capability()
    on_cpu = params.runtime.device == "cpu" or not torch.cuda.is_available()
    if not on_cpu or capability not in WITHOUT_BF16:
        return
    recipes = {name: params.recipes[run.recipe] for name, run in params.runs.items()}
    in_bf16 = [name for name, recipe in recipes.items() if recipe.precision == "bf16"]
    turning = [name for name, recipe in recipes.items() if recipe.optimizer in MUON and name not in in_bf16]
    for names, found, fix in (
        (in_bf16, "precision bf16, which", "set precision to fp32"),
        (turning, "an optimizer that turns kernels in bf16, which", "set optimizer to adamw or nesterov"),
    ):
        if names:
            yield (
                f"{name_runs(names)}: {found} this processor ({processor_name()}, {capability}) "
                "computes several times as slowly as fp32; expected AVX-512 or an accelerator; "
                f"fix: {fix} in the recipe of what you train here"
            )
