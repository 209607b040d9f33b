"""Merge what came back from another machine: `make unbundle FROM=folder`.

In: the folder of results that `there.pyz` packed. Out: of its finished runs alone the entries of dvc.lock,
outs in DVC's cache and in place, metrics and plots. What is half done waits under .lineup/unfinished for the
next bundle.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

from ask_dvc import open_repo
from ask_params import refuse_undeclared
from bundle.changes import list_changes, refuse_unresolved
from bundle.parts import check_parts, list_files, read_parts
from bundle.work import REMOTE, STATE
from lineup.config.files import read_files
from lineup.config.yaml import read
from lineup.console import stage, uninterrupted
from lineup.errors import LineupError
from lineup.files import write_bytes, write_text

LOCK = Path("dvc.lock")
EMPTY_LOCK = "schema: '2.0'\nstages: {}\n"
SHOWN = 5


def main(folder: str) -> None:
    """Merge the results in `folder`."""
    if not folder:
        raise LineupError(
            "FROM", "empty", "the folder of results that came back", "make unbundle FROM=folder"
        )
    source = Path(folder)
    manifest = check_parts(source)
    if manifest.facts["kind"] != "results":
        found = "what make bundle packed"
        raise LineupError(folder, found, "the results of there.pyz", "name the folder that came back")
    finished = {run: facts["stages"] for run, facts in manifest.facts["finished"].items()}
    STATE.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=STATE) as temporary:
        back = Path(temporary)
        read_parts(manifest, source, back)
        merge(finished, back)
        keep_unfinished(manifest.facts["unfinished"], back)
    for run in finished:
        shutil.rmtree(STATE / "unfinished" / run, ignore_errors=True)
    if finished:
        print(f"merged: {', '.join(finished)}; next: dvc repro --allow-missing compare")
    if manifest.facts["unfinished"]:
        runs = " ".join(manifest.facts["unfinished"])
        print(f'unfinished: {runs}; next: make bundle RUNS="{runs}" takes along what they have')


def merge(finished: Mapping[str, Sequence[str]], back: Path) -> None:
    """Take over the `finished` runs, given with their stages, out of the unpacked folder `back`.

    Raises LineupError, with dvc.lock as it was, if a run depends on code, parameters or data that are not the
    same here.
    """
    if not finished:
        return
    stages = list(dict.fromkeys(stage for names in finished.values() for stage in names))
    files = read_files(Path("params.yaml"))
    for run in finished:
        refuse_undeclared("FROM", run, files)
    with open_repo() as repo:
        refuse_unresolved(repo)
    with uninterrupted(), _unless_refused(LOCK):
        write_text(LOCK, merge_locks(read(LOCK) if LOCK.exists() else EMPTY_LOCK, read(back / LOCK), stages))
        _refuse(list_differences(stages), "not what the runs were made with", "go back to their commit")
        take_outs(stages, back)
        _refuse(_list_outdated(stages), "not what was stored there", "pack the results again")


def merge_locks(here: str, there: str, stages: Sequence[str]) -> str:
    """The text of dvc.lock `here` with the entries of `stages` as they are `there`."""
    merged, other = parse_yaml_for_update(here, LOCK), parse_yaml_for_update(there, LOCK)
    for name in stages:
        merged["stages"][name] = other["stages"][name]
    text: str = dumps_yaml(merged)
    return text


def list_differences(stages: Sequence[str]) -> list[str]:
    """What `stages` depend on that is not here as dvc.lock says; what they make themselves is left out.

    Data that is not here counts as what dvc.lock says of the stage that makes it.
    """
    with open_repo() as repo:
        outs = {str(out): out for stage in repo.index.stages for out in stage.outs}
        chosen = [stage for stage in repo.index.stages if stage.addressing in stages]
        deps = {str(dep): dep for stage in chosen for dep in stage.deps}
        made = {str(out) for stage in chosen for out in stage.outs}
        changes = [change for change in list_changes(repo, stages) if change.name not in made]
        return [
            change.name
            for change in changes
            if change.how != "deleted"
            or change.name not in outs
            or outs[change.name].hash_info != deps[change.name].hash_info
        ]


def take_outs(stages: Sequence[str], back: Path) -> None:
    """Put what `stages` made into DVC's cache and in place, out of the unpacked folder `back`.

    Raises LineupError if something is missing there.
    """
    remote = {"remote": {REMOTE: {"url": str((back / "remote").resolve())}}}
    with Repo(config=remote) as repo:
        try:
            repo.fetch(targets=list(stages), remote=REMOTE)
            repo.checkout(targets=list(stages), force=True)
        except DvcException as error:
            found = " ".join(str(error).split())
            raise LineupError("results", found, "all outs of the finished runs", "pack them again") from error
        for stage in repo.index.stages:
            for out in stage.outs:
                if stage.addressing in stages and not out.use_cache:
                    _replace(Path(out.def_path), back / "tree" / out.def_path)


def _replace(path: Path, source: Path) -> None:
    """Make the file or folder `path` what `source` is."""
    wanted = {path / file.relative_to(source): file for file in list_files(source)}
    for file in list_files(path):
        if file not in wanted:
            file.unlink()
    for file, origin in wanted.items():
        write_bytes(file, origin.read_bytes())


def keep_unfinished(runs: Sequence[str], back: Path) -> None:
    """Keep what the half-done `runs` have, for the next bundle."""
    for run in runs:
        kept = STATE / "unfinished" / run
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(exist_ok=True)
        if (back / "unfinished" / run).exists():
            (back / "unfinished" / run).rename(kept)


def _list_outdated(stages: Sequence[str]) -> list[str]:
    with open_repo() as repo:
        return [change.name for change in list_changes(repo, stages) if change.how != "deleted"]


def _refuse(names: Sequence[str], found: str, fix: str) -> None:
    """Raise LineupError if there are `names`, the first of them named."""
    if names:
        several = sorted(set(names))
        where = ", ".join(several[:SHOWN]) + f" and {len(several) - SHOWN} more" * (len(several) > SHOWN)
        raise LineupError(where, found, "the same here as there", fix)


@contextmanager
def _unless_refused(path: Path) -> Iterator[None]:
    """Put `path` back as it was if the block fails."""
    before = path.read_bytes() if path.exists() else None
    try:
        yield
    except BaseException:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            write_bytes(path, before)
        raise


if __name__ == "__main__":
    stage(main)
