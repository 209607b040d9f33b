"""Refuse a wrong params.yaml before anything runs.

In: params.yaml and claims.csv. Out: data/params.valid, always the same text, so that what follows is rerun
only when entries of its own have changed.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lineup.claims import read_claims, refuse_unknown_rows
from lineup.config.params import check_architectures, load
from lineup.config.problems import nearest, refuse
from lineup.config.schema import Family, Params, Recipe, Run
from lineup.console import stage
from lineup.errors import LineupError
from lineup.files import write_text
from lineup.models import PixelModel
from lineup.training.freeze import set_trainable
from lineup.training.names import find_layers
from lineup.trial import try_out

Network = tuple[Family, str, str, int]  # family, model, and the colour and size of its images


def main() -> None:
    """Check every entry, the names of timm's models, the rows of reports, and that each network works."""
    params = load()
    check_architectures(params)
    rows = {name: run.row for name, run in [*params.runs.items(), *params.waiting.items()]}
    refuse_unknown_rows(rows, read_claims(Path("claims.csv")))
    refuse(find_problems(params))
    write_text(Path("data/params.valid"), "params.yaml is valid\n")


def find_problems(params: Params) -> Iterator[LineupError]:
    """Try out each network that a run trains, once, and look up in it what its recipes train."""
    for (family, model, color, size), runs in group_runs(params).items():
        place = f"models.{family}.{model}"
        where = f"params.yaml: {place} ({name_runs(runs)})"
        spec, channels = params.models[family][model].model_dump(), 3 if color == "rgb" else 1
        try:
            built = try_out(where, family, spec, channels=channels, size=size)
        except LineupError as error:
            yield error
            continue
        for recipe in dict.fromkeys(run.recipe for run in runs.values()):
            users = [name for name, run in runs.items() if run.recipe == recipe]
            for key, trainable in list_trainable(params.recipes[recipe]).items():
                where = f"params.yaml: recipes.{recipe}.{key} ({name_runs(users)})"
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


if __name__ == "__main__":
    stage(main)
