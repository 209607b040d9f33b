"""What the parameters say of runs, for all tools."""

from lineup.config.files import Files
from lineup.errors import LineupError, nearest


def refuse_undeclared(where: str, run: str, files: Files) -> None:
    """Raise LineupError, which begins with `where`, for a `run` that is not under runs, or that waits."""
    runs, waiting = (files.data.get(section) or {} for section in ("runs", "waiting"))
    if run in runs:
        return
    if run in waiting:
        fix = f"move its entry from waiting to runs in {files.find_owner(f'waiting.{run}')}"
        raise LineupError(where, f"run {run} waits", "a run under runs", fix)
    raise LineupError(where, f"no run {run!r}", "a run under runs", nearest(run, [*runs, *waiting]))
