"""Keep the results that a change in src/lineup/training does not reach: `python tools/keep.py [SINCE]`.

For DVC that folder is one dependency of every training, since it cannot know what a recipe loads. Where the
trained models are at hand, `dvc repro` runs each training for a second, and the trainer keeps every seed.
After a clone they are not, and all would be trained again. This records in dvc.lock what those seconds would:
a training that loads only files that are as the commit SINCE (by default the last one) has them, and that was
up to date there, has the result that it had.

In: params.yaml, dvc.lock, that commit and the working tree. Out: dvc.lock. Prints what was kept.
"""

from collections.abc import Iterator, Mapping
from multiprocessing import Pool
from typing import Any

from dvc.dependency import Dependency
from dvc.repo import Repo
from dvc.stage import PipelineStage

from ask_dvc import open_repo
from ask_git import ask_git
from lineup.config.params import load as load_params
from lineup.config.schema import Params
from lineup.console import stage
from sweep.loaded import list_files, load

FOLDER = "src/lineup/training"

Training = tuple[str, str, Mapping[str, Any]]


def main(since: str = "HEAD") -> None:
    """Record the folder as it is now for every training that is not reached."""
    changed = set(list_changed(since))
    kept: list[str] = []
    reached: list[str] = []
    params = load_params()
    with open_repo() as repo, repo.lock:
        before = find_hash(repo, since)
        stale = {run: step for run, step in find_trainings(repo) if folder_of(step).changed_checksum()}
        for run, files in list_loaded(params, stale).items():
            known = folder_of(stale[run]).hash_info == before
            (kept if known and not changed & set(files) else reached).append(run)
        for run in kept:
            folder_of(stale[run]).save()
            stale[run].dump(update_pipeline=False)
    print(f"kept: {', '.join(kept) or 'nothing'}")
    print(f"to be trained: {', '.join(reached) or 'nothing'}")


def list_changed(since: str) -> Iterator[str]:
    """Files of code that are not as the commit `since` has them."""
    yield from ask_git("diff", "--name-only", since, "--", "src").splitlines()
    yield from ask_git("ls-files", "--others", "--exclude-standard", "--", "src").splitlines()


def find_hash(repo: Repo, since: str) -> object:
    """DVC's hash of the folder in the commit `since`."""
    with Repo(repo.root_dir, rev=since) as there:
        for _, step in find_trainings(there):
            return folder_of(step).get_hash()
    return None


def find_trainings(repo: Repo) -> Iterator[tuple[str, PipelineStage]]:
    """The stages that train, by run."""
    for step in repo.index.stages:
        kind, _, run = str(step.name).partition("@")
        if kind == "train":
            yield run, step


def folder_of(step: PipelineStage) -> Dependency:
    """A training's dependency on the folder."""
    return next(each for each in step.deps if each.def_path == FOLDER)


def list_loaded(params: Params, runs: Mapping[str, object]) -> dict[str, list[str]]:
    """The files that the training of each run loads: each run in a process of its own."""
    trainings = {run: params.runs[run] for run in runs}
    described = [
        (each.family, each.task, params.recipes[each.recipe].model_dump()) for each in trainings.values()
    ]
    with Pool(1, maxtasksperchild=1) as pool:
        return dict(zip(trainings, pool.map(_list, described, chunksize=1), strict=True))


def _list(training: Training) -> list[str]:
    load(*training)
    return list_files()


if __name__ == "__main__":
    stage(main)
