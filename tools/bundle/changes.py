"""What DVC finds changed in stages."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dvc.repo import Repo

from lineup.errors import LineupError


class Change(NamedTuple):
    """One thing that is not as dvc.lock says."""

    kind: str  # changed deps, changed outs, or what else DVC says of the stage
    name: str  # a path, a path and a key of it, or the stage
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
                    several = how if isinstance(how, Mapping) else {"": how}
                    changes += [
                        Change(kind, f"{name} {key}" if key else name, said) for key, said in several.items()
                    ]
    return changes


def refuse_unresolved(repo: Repo) -> None:
    """Raise LineupError if the identities in resolved/ may not be those of the parameters and code here."""
    if list_changes(repo, ["resolve"]):
        found = "not known to belong to the parameters and code"
        raise LineupError("resolved", found, "what stage resolve makes of them", "run `dvc repro validate`")
