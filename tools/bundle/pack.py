"""Pack runs for a machine without a network: `make bundle RUNS="d3 e1"`, or `python -m bundle.pack --help`.

In: the repository as it stands, the runs' data, weights and half-trained state, and wheels from a package
registry. Out: a folder of parts and `there.pyz`, the one program to run on the other machine.
"""

import argparse
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.stage import PipelineStage

import bundle
import jobs
import lineup
from ask_dvc import open_repo
from ask_git import ask_git
from ask_params import refuse_undeclared
from bundle import STEPS
from bundle.changes import list_changes, refuse_unresolved
from bundle.parts import MEGABYTE, Content, list_files, write_parts
from bundle.wheels import HELD, choose_wheels, download_wheels, read_requirements
from bundle.work import REMOTE, STATE
from jobs.order import Graph, name_kind
from lineup.config.files import read_files
from lineup.config.params import check
from lineup.console import stage
from lineup.errors import LineupError
from lineup.files import write_atomic

ROOT = Path(__file__).resolve().parents[2]
OUT = STATE / "bundle"
PROGRAM = "there.pyz"
# As make takes them: whoever asks for a bundle sees no other names.
CHOICES = {
    "PYTHON_THERE": ("3.11", "3.12", "3.13"),
    "MACHINE_THERE": ("x86_64", "aarch64"),
    "WHEELS": ("none", "dvc", "all"),
}
USAGE = (
    'make bundle RUNS="d3 e1" [PYTHON_THERE=3.12] [MACHINE_THERE=x86_64] [WHEELS=dvc] [PART_MB=60]'
    f" [OUT={OUT}]"
)
# What the program is made of: standard library only.
MODULES = {
    lineup: ("__init__", "console", "errors", "files"),
    bundle: ("__init__", "interpreter", "parts", "unpack", "work"),
    jobs: ("__init__", "order", "scheduler"),
}
ENTRY = "from bundle.unpack import main\nfrom lineup.console import stage\n\nstage(main)\n"
# The packed copy has no git, and a cache of its own; its remote is the folder beside it that travels home.
CONFIG = f"""[core]
    no_scm = true
[cache]
    dir = cache
['remote "{REMOTE}"']
    url = ../../remote
"""


@dataclass
class Needs:
    """What the chosen runs need beside the repository's own files, and what to expect back."""

    graph: dict[str, list[str]] = field(default_factory=dict)  # stage done there: those of them it needs
    stages: dict[str, list[str]] = field(default_factory=dict)  # run: those of them that it comes from
    kept: dict[str, list[str]] = field(default_factory=dict)  # run: outs that a half-trained run goes on with
    plain: dict[str, list[str]] = field(default_factory=dict)  # run: outs that DVC's cache does not hold
    data: dict[str, str] = field(default_factory=dict)  # file or folder of data: the stage that makes it


def main(*words: str) -> None:
    """Pack the runs that the command line names."""
    asked = _parse(words)
    refuse_tracked(asked.out)
    runs, files = list(dict.fromkeys(asked.runs)), read_files(Path("params.yaml"))
    check(files)
    for run in runs:
        refuse_undeclared("RUNS", run, files)
    with open_repo() as repo:
        refuse_unresolved(repo)
        stages = {stage.addressing: stage for stage in repo.index.stages}
        needs = find_needs(runs, stages, lambda stage: not _is_stale(repo, [stage]))
        check_state(repo, runs, needs)
    tracked, (commit, changed) = list_tracked(asked.out), describe_commit(asked.out)
    with TemporaryDirectory() as temporary:
        requirements = read_requirements(ROOT / "pyproject.toml")
        if asked.wheels != "none":
            held = HELD if asked.wheels == "dvc" else set[str]()
            packages = choose_wheels(
                requirements, ROOT / "requirements.txt", asked.python, asked.machine, held
            )
            download_wheels(packages, asked.python, asked.machine, Path(temporary))
        facts = {
            "kind": "runs",
            "commit": commit,
            "requirements": requirements,
            "graph": needs.graph,
            "runs": {
                run: {"stages": needs.stages[run], "kept": needs.kept[run], "plain": needs.plain[run]}
                for run in runs
            },
        }
        members = {f"repository/{name}": path for name, path in collect_files(runs, tracked, needs).items()}
        members["repository/.dvc/config.local"] = CONFIG.encode()
        members |= {f"wheels/{wheel.name}": wheel for wheel in list_files(Path(temporary))}
        manifest = write_parts(sorted(members.items()), asked.out, asked.part_mb * MEGABYTE, facts)
    write_atomic(asked.out / PROGRAM, write_program)
    if changed:
        print(f"note: files differ from commit {commit.rstrip('+')}; results will name {commit}")
    size = sum(part.bytes for part in manifest.parts) / MEGABYTE
    print(f"{asked.out}: {', '.join(runs)} in {len(manifest.parts)} parts, {size:,.0f} MB, with {PROGRAM}")
    print(f"there: python {PROGRAM}; back here: make unbundle FROM=<the folder of results>")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for. Raises LineupError by the names that make has for the options."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="make bundle", usage=USAGE, description=summary)
    parser.add_argument("runs", metavar="RUNS", nargs="*", help="names under runs")
    parser.add_argument("--python", metavar="PYTHON_THERE", default="3.12", help="the Python there (3.12)")
    parser.add_argument("--machine", metavar="MACHINE_THERE", default="x86_64", help="its processor (x86_64)")
    parser.add_argument("--wheels", metavar="WHEELS", default="dvc", help="what it lacks (dvc)")
    parser.add_argument("--part-mb", metavar="PART_MB", default="60", help="largest part, in MB (60)")
    parser.add_argument("--out", metavar="OUT", type=Path, default=OUT, help=f"where the parts go ({OUT})")
    asked = parser.parse_args(words)
    if not asked.runs:
        raise LineupError("RUNS", "empty", "the names of runs", USAGE)
    given = {"PYTHON_THERE": asked.python, "MACHINE_THERE": asked.machine, "WHEELS": asked.wheels}
    for name, value in given.items():
        if value not in CHOICES[name]:
            expected = f"one of {', '.join(CHOICES[name])}"
            raise LineupError(name, repr(value), expected, "choose one or leave it out")
    if not (asked.part_mb.isascii() and asked.part_mb.isdigit() and int(asked.part_mb)):
        raise LineupError("PART_MB", repr(asked.part_mb), "a whole number of at least 1", "give one")
    asked.part_mb = int(asked.part_mb)
    return asked


def find_needs(
    runs: Sequence[str], stages: Mapping[str, PipelineStage], is_fresh: Callable[[str], bool]
) -> Needs:
    """What the `stages` of dvc.yaml say of `runs`.

    `is_fresh` says whether the outs of a stage are here, as dvc.lock says.
    """
    needs = Needs()
    makers = {out.def_path: name for name, stage in stages.items() for out in stage.outs}
    read = {name: _list_deps(stage) for name, stage in stages.items()}
    graph = {name: sorted({makers[path] for path in paths & makers.keys()}) for name, paths in read.items()}
    there = list_done_there(graph, [f"{step}@{run}" for step in STEPS for run in runs], is_fresh)
    needs.graph = {name: [each for each in graph[name] if each in there] for name in graph if name in there}
    for run in runs:
        own = [f"{step}@{run}" for step in STEPS]
        before = set(own).union(*(list_before(needs.graph, name) for name in own))
        needs.stages[run] = [name for name in needs.graph if name in before]
        needs.kept[run] = [out.def_path for name in own for out in stages[name].outs if out.persist]
        outs = [out for name in needs.stages[run] for out in stages[name].outs]
        needs.plain[run] = [out.def_path for out in outs if not out.use_cache]
    paths = set[str]().union(*(read[name] for name in there)) & makers.keys()
    needs.data = {path: makers[path] for path in paths if makers[path] not in there}
    return needs


def _list_deps(stage: PipelineStage) -> set[str]:
    return {dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)}


def list_done_there(graph: Graph, chosen: Iterable[str], is_fresh: Callable[[str], bool]) -> list[str]:
    """The stages to be run there: the `chosen` ones, and what hands over from one run to another.

    That is what stands between chosen ones, and the weights from a run that is done here, unless they are.
    """
    there = list(chosen)
    steps = set(there)

    def is_done_there(name: str) -> bool:
        before = list_before(graph, name)
        if before & steps:
            return True
        from_a_run = any(name_kind(each) in STEPS for each in before)
        return from_a_run and name_kind(name) not in STEPS and not is_fresh(name)

    for name in there:  # grows meanwhile
        there += [each for each in graph[name] if each not in there and is_done_there(each)]
    return there


def list_before(graph: Graph, stage: str) -> set[str]:
    """All that a stage needs, and what that needs in turn."""
    return {each for needed in graph[stage] for each in {needed, *list_before(graph, needed)}}


def check_state(repo: Repo, runs: Iterable[str], needs: Needs) -> None:
    """Raise LineupError if data is not as dvc.lock says, or if one of the `runs` is done already."""
    # What is missing first: files made beside it are stale for its sake.
    for path, maker in sorted(needs.data.items(), key=lambda item: (Path(item[0]).exists(), item)):
        if not Path(path).exists() or _is_stale(repo, [maker]):
            found = "not here, or not what dvc.lock says"
            raise LineupError(path, found, "data up to date", _advise(path, maker))
    for run in runs:
        if not _is_stale(repo, needs.stages[run]):
            fix = f"leave it out, or remove models/{run} to train it again"
            raise LineupError(f"RUNS: {run}", "up to date, nothing to do there", "runs to be done", fix)


def _advise(path: str, maker: str) -> str:
    """How data comes here, or how a run whose models they are goes along."""
    kind, _, name = maker.partition("@")
    ways = [f"dvc checkout {path}", f"dvc repro {maker}", *([f"add {name} to RUNS"] if kind in STEPS else [])]
    return ", or ".join(ways)


def _is_stale(repo: Repo, stages: Sequence[str]) -> bool:
    """Whether a stage would be run, though not for want of a dependency: raw data may have gone."""
    changes = list_changes(repo, stages)
    return any((change.kind, change.how) != ("changed deps", "deleted") for change in changes)


def refuse_tracked(out: Path) -> None:
    """Raise LineupError if files of the repository lie in `out`: they would be missing from the bundle."""
    for name in ask_git("ls-files", "-z").split("\0"):
        if name and _is_in(Path(name), out):
            expected = "a folder without files of the repository"
            raise LineupError("OUT", f"{out}, where {name} lies", expected, f"name another, as {OUT}")


def list_tracked(out: Path) -> list[Path]:
    """The files of the repository as they stand: what git tracks, and new files that it does not ignore.

    Nothing in `out`: an older bundle that lies there is about to be replaced.
    """
    said = ask_git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [path for path in map(Path, said.split("\0")) if path.is_file() and not _is_in(path, out)]


def describe_commit(out: Path) -> tuple[str, bool]:
    """The commit, with `+` where files other than those in `out` differ from it, and whether they do."""
    lines = ask_git("status", "--porcelain", "--untracked-files=all").splitlines()
    changed = any(not _is_in(Path(line[3:]), out) for line in lines)
    return ask_git("rev-parse", "--short=12", "HEAD").strip() + "+" * changed, changed


def _is_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def collect_files(runs: Iterable[str], tracked: Iterable[Path], needs: Needs) -> dict[str, Content]:
    """Where each file of the packed repository comes from, by its path there.

    A half-trained run goes on with what came back from another machine, else with what is here.
    """
    found: dict[str, Content] = {str(path): path for path in tracked}
    found |= {str(file): file for path in needs.data for file in list_files(Path(path))}
    for run in runs:
        unfinished = STATE / "unfinished" / run
        kept = [Path(path) for path in needs.kept[run]] + [STATE / "checkpoints" / run]
        found |= {str(file): file for path in kept for file in list_files(path)}
        found |= {str(file.relative_to(unfinished)): file for file in list_files(unfinished)}
    return found


def write_program(path: Path) -> None:
    """Write the program of the other machine: a zip file that Python runs."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as program:
        program.writestr("__main__.py", ENTRY)
        for package, names in MODULES.items():
            [folder] = map(Path, package.__path__)
            for name in names:
                program.write(folder / f"{name}.py", f"{package.__name__}/{name}.py")


if __name__ == "__main__":
    stage(main)
