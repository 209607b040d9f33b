"""DVC's repository, for all tools."""

from collections.abc import Iterator
from contextlib import contextmanager

from dvc.exceptions import DvcException
from dvc.repo import Repo

from lineup.errors import LineupError


@contextmanager
def open_repo() -> Iterator[Repo]:
    """The one here. Raises LineupError for what DVC refuses, now or while it is open."""
    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        said = " ".join(str(error).split())
        raise LineupError("dvc", said, "a pipeline that DVC accepts", "dvc status says more") from error
