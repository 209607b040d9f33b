"""What DVC finds changed in stages."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dvc.repo import Repo


class Change(NamedTuple):
    """One thing that is not as dvc.lock says."""

    kind: str  # changed deps, changed outs, or what else DVC says of the stage
    name: str  # a path, a key of params.yaml, or the stage
    how: str  # modified, deleted, new, not in cache


def list_changes(repo: Repo, stages: Sequence[str]) -> list[Change]:
    """The changes of `stages`, those of the stages before them left out."""
    changes = []
    for stage, entries in repo.status(targets=list(stages)).items():
        for entry in entries:
            if not isinstance(entry, Mapping):
                changes.append(Change(entry, stage, "modified"))
                continue
            for kind, names in entry.items():
                for name, how in names.items():
                    several = how if isinstance(how, Mapping) else {name: how}
                    changes += [Change(kind, each, said) for each, said in several.items()]
    return changes
