"""Which figures may choose among the points of a run: those of validation that its task has."""

from typing import get_args

from lineup.comparison.tasks import TASKS
from lineup.config.schema import Params
from lineup.errors import LineupError, nearest
from sweep.schema import Best, Choice

BESTS: tuple[str, ...] = get_args(get_args(Best)[0])


def refuse_figure(where: str, choice: Choice, params: Params) -> None:
    """Refuse a figure that the run will not have with `params`: it would be missed once that is trained."""
    task = params.runs[choice.run].task
    known = [best for best in BESTS if best.split()[1] in TASKS[task].metrics]
    if choice.best not in known:
        found = f"no {choice.metric} in {task}, the task of run {choice.run}"
        raise LineupError(f"{where}.best", found, f"one of {', '.join(known)}", nearest(choice.best, known))
