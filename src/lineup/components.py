"""Modules that a run loads by names in its parameters: what no import statement can say."""

from collections.abc import Iterable

from lineup.settings.run import Phase, Run

FREEZING = "lineup.training.freezing.freezer"
STARTING = "lineup.training.initial"


def list_for_training(run: Run) -> tuple[str, ...]:
    """What the training of `run` loads; freezing and initial weights only where it has some."""
    optimizers = {name_optimizer(phase.optimizer) for phase in run.recipe.phases}
    freezing = {FREEZING} if freezes(run.recipe.phases) else set()
    starting = {STARTING} if run.pretrained else set()
    return tuple(
        sorted({name_family(run.model.family), name_task(run.task), *optimizers, *freezing, *starting})
    )


def list_for_evaluation(run: Run) -> tuple[str, ...]:
    """What the evaluation of `run` loads."""
    return name_evaluator(run.task), name_family(run.model.family)


def freezes(phases: Iterable[Phase]) -> bool:
    """Whether a phase trains not all of a model, or not all of it alike."""
    return any(
        phase.trainable != "all" or phase.dropout is not None or phase.layer_decay is not None
        for phase in phases
    )


def name_family(family: str) -> str:
    """The module of a family of models."""
    return f"lineup.models.{family}"


def name_task(task: str) -> str:
    """The module of a task: its loss and its scores."""
    return f"lineup.tasks.{task}"


def name_evaluator(task: str) -> str:
    """The package that scores a task's models."""
    return f"lineup.evaluation.evaluators.{task}"


def name_optimizer(optimizer: str) -> str:
    """The module of an optimizer."""
    return f"lineup.training.optimizers.{optimizer}"


def name_source(source: str) -> str:
    """The module of a source of datasets."""
    return f"lineup.sources.{source}"


def name_weights(source: str) -> str:
    """The module of a source of initial weights."""
    return f"lineup.weights.{source}"
