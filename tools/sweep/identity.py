"""What makes two trainings the same: the identities in `resolved/` (lineup.config.identities)."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ask_git import ask_git, read_git
from lineup.config.files import Files, read_files
from lineup.config.identities import Resolver, identify_result
from lineup.errors import LineupError
from lineup.files import write_bytes
from lineup.identity.code import Code
from lineup.identity.proofs import read_proofs
from lineup.resolved import FOLDER, Resolved, hash_values, parse_resolved
from workspace import OWN

Read = Callable[[str], Resolved]

# What an experiment is made of: it would carry along what has not been committed.
PARAMETERS = ("params.yaml", "reports", "transfer.yaml", "dvc.yaml")
CODE = ("proofs", "stages", "src")


def refuse_uncommitted() -> None:
    """Refuse changes that no commit holds: an experiment's result must belong to one."""
    said = ask_git("status", "--porcelain", "--", *PARAMETERS, *CODE)
    changed = [line[3:] for line in said.splitlines()]
    if changed:
        found = f"{', '.join(changed[:3])}{' and more' if len(changed) > 3 else ''} not committed"
        raise LineupError(
            "git", found, "parameters and code as the last commit has them", "commit or undo it"
        )


def identify(files: Files, run: str) -> str:
    """What the figures of `run` depend on with the parameters `files` and the code that is here."""
    return _identify(functools.cache(Resolver(files, _read_code(), _read_proven()).resolve), run, "HEAD")


@functools.cache
def identify_result_at(revision: str, run: str) -> str | None:
    """`identify` for the result that a commit holds, as stage resolve told it; None if it has none."""

    def read(name: str) -> Resolved:
        path = f"{revision}:{FOLDER / name}.json"
        return parse_resolved(ask_git("show", path), path)

    try:
        return _identify(read, run, revision)
    except LineupError:
        return None


@functools.cache
def identify_queued(revision: str, run: str) -> str | None:
    """`identify` for what stands in the queue, where stage resolve has not been run: of its parameters.

    None if its code is not that of the last commit, or its parameters are wrong.
    """
    if ask_git("diff", "--name-only", "HEAD", revision, "--", *CODE):
        return None
    with TemporaryDirectory() as temporary:
        for name in ask_git("ls-tree", "-r", "--name-only", revision, "--", *PARAMETERS).splitlines():
            write_bytes(Path(temporary, name), read_git("show", f"{revision}:{name}"))
        try:
            files = read_files(Path(temporary, PARAMETERS[0]))
            return identify(files, run) if run in files.data["runs"] else None
        except LineupError:
            return None


def _identify(read: Read, run: str, revision: str) -> str:
    identity, own = identify_result(read, run), sorted(_list_own(read, run))
    held = ask_git("ls-tree", "-r", revision, "--", *own) if own else ""
    return hash_values([identity, held]) if held else identity


def _list_own(read: Read, run: str) -> Iterator[str]:
    """Images and weights of one's own that `run` comes from, and the files by which DVC tracks them."""
    settings = read(f"runs/{run}").settings
    dataset = read(f"preprocess/{settings['view']}").settings["dataset"]
    weights = read(f"weights/{settings['weights']}").settings
    if weights["source"] == "run":
        yield from _list_own(read, weights["needs"].removeprefix("models/"))
    for given in (read(f"download/{dataset}").settings, weights):
        if given["source"] in OWN:
            yield from (given["needs"], f"{given['needs']}.dvc")


@functools.cache
def _read_code() -> Code:
    return Code(Path())


@functools.cache
def _read_proven() -> dict[tuple[str, str], str]:
    return read_proofs()
