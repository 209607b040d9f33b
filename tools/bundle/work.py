"""What is done on the other machine: train side by side, evaluate one by one, pack the results.

DVC runs each stage by itself (`repro --single-item`), so nothing else is touched, and what is done already
is skipped. Standard library only; DVC and the stages run in the Python that was prepared.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundle import STEPS
from bundle.parts import Content, list_files, write_parts
from jobs.order import DONE, FAILED, name_kind
from jobs.scheduler import Scheduler
from lineup.errors import LineupError

# What one training may take, declared, so that the number side by side is known beforehand.
CORES = 2
MEMORY = 4 * 2**30
ACCELERATOR_MEMORY = 8 * 2**30

REMOTE = "travel"  # the name of DVC's remote in the packed copy
STATE = Path(".lineup")


@dataclass(frozen=True)
class Place:
    """Where the work is done, the folder of its `python`, where results go, and the bundle's facts."""

    folder: Path
    programs: Path
    results: Path
    facts: dict[str, Any]

    @property
    def repository(self) -> Path:
        """The unpacked repository."""
        return self.folder / "repository"

    def log(self, stage: str) -> Path:
        """Where the output of a stage goes."""
        return self.folder / "logs" / f"{stage}.log"

    def environment(self) -> dict[str, str]:
        """Ours, with the prepared Python first, the packed commit, and DVC's state in the folder."""
        return {
            **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            "PATH": os.pathsep.join([str(self.programs), os.environ.get("PATH", os.defpath)]),
            "LINEUP_COMMIT": self.facts["commit"],
            "DVC_SITE_CACHE_DIR": str(self.folder / "dvc"),
            "DVC_NO_ANALYTICS": "1",
        }

    def dvc(self, *words: str) -> list[str]:
        """The command that runs DVC."""
        return [str(self.programs / "python"), "-m", "dvc", "--wait-for-lock", *words]


def work(place: Place, *, jobs: int | None, minutes: float | None, limit: int) -> None:
    """Run every run of the bundle and pack the results in parts of at most `limit` bytes.

    `jobs` trainings run side by side, each as soon as what it starts from is there. After `minutes`
    trainings are stopped at a checkpoint; what is finished is evaluated, and the rest travels home
    half-trained. Raises LineupError if a stage failed, after packing.
    """
    runs = list(place.facts["runs"])
    side_by_side = jobs or count_jobs(place, len(runs))
    print(f"{', '.join(runs)}: {side_by_side} side by side, logs in {place.folder / 'logs'}", flush=True)
    deadline = time.monotonic() + minutes * 60 if minutes else None
    states = run_stages(place, side_by_side, deadline)
    stages = {run: place.facts["runs"][run]["stages"] for run in runs}
    finished = [run for run in runs if all(states[stage] == DONE for stage in stages[run])]
    _store(place, list(dict.fromkeys(stage for run in finished for stage in stages[run])))
    pack_results(place, finished, limit)
    failed = [stage for stage, state in states.items() if state == FAILED]
    if failed:
        logs = ", ".join(str(place.log(stage)) for stage in failed)
        raise LineupError(
            ", ".join(failed), "failed", "stages that end well", f"see {logs}, then run this again"
        )


def run_stages(place: Place, side_by_side: int, deadline: float | None) -> dict[str, str]:
    """Run the stages of the bundle, each after those that it needs, and return what became of them."""
    graph, (_, evaluate) = place.facts["graph"], STEPS
    timed = [name for name in graph if name_kind(name) == evaluate]
    others = [name for name in graph if name not in timed]
    states = Scheduler(place, side_by_side, deadline).run(others, graph)
    # One by one, and after all else: what evaluate measures of time should be of a quiet machine.
    return states | Scheduler(place, 1).run(timed, graph, states)


def count_jobs(place: Place, runs: int) -> int:
    """How many trainings the machine holds: by processor cores, memory and the accelerator's memory."""
    allowed = [runs, len(os.sched_getaffinity(0)) // CORES, _free_memory() // MEMORY]
    free = _free_accelerator_memory(place)
    if free is not None:
        allowed.append(free // ACCELERATOR_MEMORY)
    return max(1, min(allowed))


def _free_memory() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _free_accelerator_memory(place: Place) -> int | None:
    """Free bytes of the accelerator that torch sees; None where it sees none."""
    # In a process of its own: one that has asked keeps some of that memory.
    ask = "import torch; print(torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else '')"
    words = [str(place.programs / "python"), "-c", ask]
    done = subprocess.run(words, env=place.environment(), capture_output=True, text=True, check=False)
    return int(done.stdout) if done.stdout.strip() else None


def _store(place: Place, stages: Sequence[str]) -> None:
    """Put what the finished stages left under DVC's control into the remote that travels."""
    if stages:
        _call(place, "commit", "--quiet", *stages)  # what was up to date when it came may not be stored
        _call(place, "push", "--quiet", "--remote", REMOTE, *stages)


def _call(place: Place, *words: str) -> None:
    done = subprocess.run(
        place.dvc(*words),
        cwd=place.repository,
        env=place.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = " ".join(done.stderr.split()) or "no reason given"
        raise LineupError(f"dvc {' '.join(words)}", said, "exit status 0", "mend that and run this again")


def pack_results(place: Place, finished: Sequence[str], limit: int) -> None:
    """Pack what the runs `finished` left, and the others' unfinished state, as parts."""
    runs, repository = place.facts["runs"], place.repository
    unfinished = [run for run in runs if run not in finished]
    members: list[tuple[str, Content]] = [
        (f"remote/{file.relative_to(place.folder / 'remote')}", file)
        for file in list_files(place.folder / "remote")
    ]
    members += [(f"logs/{file.name}", file) for file in list_files(place.folder / "logs")]
    if finished:
        members.append(("dvc.lock", repository / "dvc.lock"))
    plain = dict.fromkeys(path for run in finished for path in runs[run]["plain"])
    members += _find(repository, list(plain), "tree")
    for run in unfinished:
        paths = [*runs[run]["kept"], str(STATE / "checkpoints" / run)]
        members += _find(repository, paths, f"unfinished/{run}")
    facts = {
        "kind": "results",
        "commit": place.facts["commit"],
        "finished": {run: {"stages": runs[run]["stages"]} for run in finished},
        "unfinished": unfinished,
    }
    manifest = write_parts(members, place.results, limit, facts)
    said = f"finished: {', '.join(finished) or 'none'}; unfinished: {', '.join(unfinished) or 'none'}"
    print(f"{place.results}: {len(manifest.parts)} parts; {said}", flush=True)
    print(
        "take that folder home, then: make unbundle FROM=<folder>; to go on here: run this again", flush=True
    )


def _find(repository: Path, paths: Sequence[str], below: str) -> list[tuple[str, Content]]:
    files = [file for path in paths for file in list_files(repository / path)]
    return [(f"{below}/{file.relative_to(repository)}", file) for file in files]
