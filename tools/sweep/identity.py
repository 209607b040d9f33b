"""What makes two trainings the same: the identities in `resolved/` (lineup.config.identities)."""

import functools
from pathlib import Path

from ask_git import ask_git
from lineup.config.files import Files
from lineup.config.identities import Resolver, identify_result
from lineup.errors import LineupError
from lineup.identity.code import Code
from lineup.identity.proofs import read_proofs
from lineup.resolved import FOLDER, Resolved, parse_resolved

# What an experiment is made of: it would carry along what has not been committed.
SOURCES = ("params.yaml", "reports", "transfer.yaml", "dvc.yaml", "proofs", "stages", "src")


def refuse_uncommitted() -> None:
    """Refuse changes that no commit holds: an experiment's result must belong to one."""
    changed = [line[3:] for line in ask_git("status", "--porcelain", "--", *SOURCES).splitlines()]
    if changed:
        found = f"{', '.join(changed[:3])}{' and more' if len(changed) > 3 else ''} not committed"
        raise LineupError(
            "git", found, "parameters and code as the last commit has them", "commit or undo it"
        )


def identify(files: Files, run: str) -> str:
    """What the figures of `run` depend on with the parameters `files` and the code that is here."""
    return identify_result(functools.cache(Resolver(files, _read_code(), _read_proven()).resolve), run)


@functools.cache
def identify_revision(revision: str, run: str) -> str | None:
    """`identify` for a commit, by the identities that it holds; None if it has none of that run."""

    def read(name: str) -> Resolved:
        path = f"{revision}:{FOLDER / name}.json"
        return parse_resolved(ask_git("show", path), path)

    try:
        return identify_result(read, run)
    except LineupError:
        return None


@functools.cache
def _read_code() -> Code:
    return Code(Path())


@functools.cache
def _read_proven() -> dict[tuple[str, str], str]:
    return read_proofs()
