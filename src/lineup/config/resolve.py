"""The one place that turns the names in params.yaml into the values that they stand for."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lineup.config.problems import Locate
from lineup.config.schema import (
    Augment,
    FileWeights,
    NoWeights,
    Params,
    Phase,
    Recipe,
    Run,
    RunWeights,
    TimmWeights,
    View,
    Weights,
    drop_neutral,
    find_neutral,
)
from lineup.reports.claims import Claim
from lineup.reports.protocols import Protocol, resolve_protocols
from lineup.settings.comparison import Comparison, Entry
from lineup.settings.run import Augmentation, Model, Schedule
from lineup.settings.run import Phase as ResolvedPhase
from lineup.settings.run import Recipe as ResolvedRecipe
from lineup.settings.run import Run as ResolvedRun

# What a run has in common with the one that it goes on from.
SHARED = ("view", "task", "family", "model", "augment")
# Keys of a recipe that hold throughout a training, and those that each phase may have of its own.
THROUGHOUT = ("batch_size", "label_smoothing", "ema_decay", "checkpoint", "precision", "threads")
BY_PHASE = ("epochs", "optimizer", "lr", "momentum", "weight_decay", "schedule", "patience", "trainable")


def resolve_run(params: Params, name: str) -> ResolvedRun:
    """The run called `name`, which may wait, as training and evaluation receive it."""
    run = find_run(params, name)
    spec = params.models[run.family][run.model]
    augmentation = find_augment(params, run).model_dump()
    augmentation |= {key: tuple(augmentation[key]) for key in ("shift", "jitter")}
    return ResolvedRun(
        name=name,
        task=run.task,
        view=run.view,
        weights=run.weights,
        pretrained=not isinstance(find_weights(params, run.weights), NoWeights),
        model=Model(run.family, spec.model_dump()),
        augmentation=Augmentation(**augmentation),
        recipe=resolve_recipe(params.recipes[run.recipe]),
        seeds=tuple(run.seeds),
        tta=run.tta,
        device=params.runtime.device,
        channels_last=params.runtime.channels_last,
    )


def resolve_recipe(recipe: Recipe) -> ResolvedRecipe:
    """A recipe with its phases in order, each with all that holds in it; without phases it is one itself."""
    phases = [resolve_phase(recipe, name, changes) for name, changes in recipe.phases.items()]
    throughout = {key: getattr(recipe, key) for key in THROUGHOUT}
    return ResolvedRecipe(**throughout, phases=tuple(phases or [resolve_phase(recipe, "", {})]))


def resolve_phase(recipe: Recipe, name: str, changes: Phase) -> ResolvedPhase:
    """The values of `recipe`, and what a phase of it called `name` overrides."""
    values = {"dropout": None, "layer_decay": None, **_merge_phase(recipe, changes)}
    parts = values.pop("schedule").model_dump()
    schedule = Schedule(**{key: parts.get(key) for key in ("name", "warmup", "factor", "patience", "floor")})
    return ResolvedPhase(name=name, schedule=schedule, **values)


def describe_training(params: Params, name: str) -> dict[str, Any]:
    """The values that a training of the run called `name` depends on, seeds and data left out.

    Keys at their neutral value are left out: they are as if they did not exist.
    """
    run, recipe = find_run(params, name), params.recipes[find_run(params, name).recipe]
    throughout = {key: getattr(recipe, key) for key in THROUGHOUT}
    phases = [
        {"name": key, **drop_neutral(Recipe, _merge_phase(recipe, changes))}
        for key, changes in (recipe.phases or {"": {}}).items()
    ]
    return {
        **params.runtime.dump_meaning(),
        "task": run.task,
        "family": run.family,
        "model": params.models[run.family][run.model].dump_meaning(),
        "augment": find_augment(params, run).dump_meaning(),
        "recipe": {**drop_neutral(Recipe, throughout), "phases": phases},
    }


def describe_evaluation(params: Params, name: str) -> dict[str, Any]:
    """The values that an evaluation of the run called `name` depends on; the model has its own record."""
    run = find_run(params, name)
    return {
        **{key: value for key, value in params.runtime.dump_meaning().items() if key == "device"},
        "task": run.task,
        "family": run.family,
        "augment": find_augment(params, run).dump_meaning(),
        **({"tta": run.tta} if run.tta != "none" else {}),
    }


def resolve_comparison(params: Params) -> Comparison:
    """All declared runs as the comparison needs them.

    A study none of whose runs repeats a row of a report has no claims.
    """
    runs, waiting = (
        {name: resolve_entry(params, run) for name, run in part.items()}
        for part in (params.runs, params.waiting)
    )
    repeated = any(entry.row for entry in {**runs, **waiting}.values())
    claims = list_claims(params) if repeated else {}
    protocols = {name: dict(protocol) for name, protocol in resolve_rows(params).items() if name in claims}
    return Comparison(runs, waiting, tuple(params.views), claims, protocols)


def describe_comparison(params: Params) -> dict[str, Any]:
    """The values that a comparison depends on: of each run without keys at their neutral value."""
    values = asdict(resolve_comparison(params))
    for part, runs in (("runs", params.runs), ("waiting", params.waiting)):
        for name, run in runs.items():
            settings, spec = values[part][name]["settings"], params.models[run.family][run.model]
            recipe = {key: value for key, value in settings["recipe"].items() if key != "phases"}
            phases = [_leave_out_neutral(Recipe, phase) for phase in settings["recipe"]["phases"]]
            values[part][name]["settings"] = {
                **settings,
                "view": _leave_out_neutral(View, settings["view"]),
                "model": _leave_out_neutral(type(spec), settings["model"]),
                "augment": _leave_out_neutral(Augment, settings["augment"]),
                "recipe": {**_leave_out_neutral(Recipe, recipe), "phases": phases},
            }
    return values


def _leave_out_neutral(entry: type[BaseModel], dumped: Mapping[str, Any]) -> dict[str, Any]:
    """Of the values that `model_dump` gave of an entry those that are not neutral."""
    neutrals = {
        key: value.model_dump() if isinstance(value, BaseModel) else value
        for key, value in find_neutral(entry).items()
    }
    return {key: value for key, value in dumped.items() if not (key in neutrals and value == neutrals[key])}


def list_claims(params: Params) -> dict[str, list[Claim]]:
    """The claims of every row of every report, in the order of the files."""
    return {
        row: [
            Claim(row, report, claim.what or entry.what, claim.metric, claim.claimed, claim.split)
            for claim in entry.claims
        ]
        for report, each in params.reports.items()
        for row, entry in each.rows.items()
    }


def resolve_rows(params: Params, locate: Locate = str) -> dict[str, Protocol]:
    """What every row of every report fixes. Raises LineupError for a `like` that names no entry."""
    rows, places = dict[str, Protocol](), {name: f"protocols.{name}" for name in params.protocols}
    for report, each in params.reports.items():
        rows |= {row: entry.fixes for row, entry in each.rows.items()}
        places |= {row: f"reports.{report}.rows.{row}.fixes" for row in each.rows}
    return resolve_protocols(params.protocols, rows, lambda name: locate(places[name]))


def resolve_entry(params: Params, run: Run) -> Entry:
    """A run with the names in it replaced by what they stand for, each phase with all that holds in it.

    One that goes on where another ended is described as one training: from what that one started from, and
    with its phases first.
    """
    view, earlier = params.views[run.view], list_earlier(params, run)
    parts = [*(find_run(params, each) for each in earlier), run]
    recipe = params.recipes[run.recipe].model_dump()
    phases = [phase for part in parts for phase in list_phases(params, part, whole=len(parts) > 1)]
    settings: dict[str, Any] = {
        "view": view.model_dump(),
        "weights": find_weights(params, parts[0].weights).model_dump(),
        "model": {"family": run.family, **params.models[run.family][run.model].model_dump()},
        "augment": find_augment(params, run).model_dump(),
        "recipe": {**recipe, "phases": phases},
        "tta": run.tta,
    }
    origin = name_origin(params, parts[0].weights) or name_origin(params, run.weights)
    return Entry(run.row, run.task, view.dataset, tuple(run.seeds), origin, tuple(earlier), settings)


def list_earlier(params: Params, run: Run) -> list[str]:
    """The runs that this one goes on from, the earliest first: their weights, and only another recipe."""
    weights = find_weights(params, run.weights)
    if isinstance(weights, RunWeights):
        before = find_run(params, weights.run)
        if all(getattr(before, key) == getattr(run, key) for key in SHARED):
            return [*list_earlier(params, before), weights.run]
    return []


def list_phases(params: Params, run: Run, *, whole: bool) -> list[dict[str, Any]]:
    """The phases of a run's recipe; if `whole`, a recipe without any is one itself."""
    recipe = params.recipes[run.recipe].model_dump()
    phases = recipe.pop("phases") or ({run.recipe: {}} if whole else {})
    return [{"name": name, **recipe, **phase} for name, phase in phases.items()]


def find_run(params: Params, name: str) -> Run:
    """The run of that name, which may wait."""
    return {**params.waiting, **params.runs}[name]


def find_weights(params: Params, name: str) -> Weights:
    """The initial weights of that name, of runs that wait too."""
    return {**params.waiting_weights, **params.weights}[name]


def find_augment(params: Params, run: Run) -> Augment:
    """The augmentation of a run; `none` need not be declared."""
    return params.augments.get(run.augment) or Augment()


def name_origin(params: Params, weights: str) -> str:
    """What training starts from: a run's dataset, timm's tag of the weights, a file's name, or nothing."""
    entry = find_weights(params, weights)
    match entry:
        case NoWeights():
            return ""
        case RunWeights():
            return params.views[find_run(params, entry.run).view].dataset
        case TimmWeights():
            return entry.model.partition(".")[2] or entry.model
        case FileWeights():
            return Path(entry.needs).stem


def _merge_phase(recipe: Recipe, changes: Phase) -> dict[str, Any]:
    return {**{key: getattr(recipe, key) for key in BY_PHASE}, **changes}
