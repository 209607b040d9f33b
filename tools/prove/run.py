"""Prove that the code of the last commit gives the same bits as an earlier one: `make prove SINCE=<commit>`.

In: both commits, and data/views and data/raw as far as they are here. Out: a file in proofs, which keeps the
results of every stage whose bits are equal; those that differ are named, for `dvc repro` to make anew. It may
be ended at any time and goes on where it was; only a finished proof is written to proofs.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from graphlib import TopologicalSorter
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import torch

from ask_git import ask_git
from lineup.config.files import read_files
from lineup.config.identities import Resolver
from lineup.config.resolve import describe_evaluation, describe_training, resolve_run
from lineup.config.schema import Params, RunWeights
from lineup.environment import processor_name
from lineup.errors import LineupError, nearest
from lineup.files import write_text
from lineup.identity.code import Code
from lineup.identity.proofs import FOLDER, Proof, find_first, read_proofs, write_proof
from lineup.resolved import Resolved, parse_resolved
from prove.bits import LEFT, find_difference
from prove.side import EPOCHS, STEPS, Side
from sweep.identity import refuse_uncommitted

STATE, VIEWS, RAW = Path(".lineup/prove"), Path("data/views"), Path("data/raw")
Before = Mapping[str, Resolved]


def main(*words: str) -> None:
    """Prove what the command line asks for."""
    asked = _parse(words)
    refuse_uncommitted()
    before, after = (ask_git("rev-parse", f"{name}^{{commit}}").strip() for name in (asked.since, "HEAD"))
    resolver = Resolver(read_files(Path("params.yaml")), Code(Path()), read_proofs())
    known = read_before(before)
    changed = list(list_changed(resolver, known, choose(asked.runs, resolver.params)))
    if not changed:
        print(f"no stage has other code than in {before[:12]}: nothing to prove")
        return
    kinds = find_kinds(changed, resolver)
    compared = prove(before, after, list(dict.fromkeys(kinds.values())), resolver.params, asked.precision)
    found = {name: compared[kinds[name]] for name in changed}
    proof = Proof(
        before=before,
        after=after,
        date=str(date.today()),
        processor=processor_name(),
        torch=torch.__version__,
        steps=count_steps(changed, resolver.params),
        precision=asked.precision,
        equal={name: list_pairs(name, resolver, known) for name in changed if found[name] is None},
        different=tuple(name for name in changed if found[name] is not None),
        complete=True,
    )
    path = FOLDER / f"{name_proof(before, after, asked.precision)}.json"
    write_proof(proof, path)
    print(f"{path}: equal {len(proof.equal)}, different {len(proof.different)}; next: dvc repro resolve")
    for name in proof.different:
        print(f"{name}: {found[name]} differs, to be made anew")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make prove", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--since", required=True, help="the commit that results were made with")
    parser.add_argument("runs", nargs="*", help="only these runs (all)")
    text = "train all in this precision, where the processor emulates the one declared"
    parser.add_argument("--precision", choices=("", "fp32", "bf16"), default="", help=text)
    return parser.parse_args(words)


def choose(names: Sequence[str], params: Params) -> list[str]:
    """The runs to be looked at. Raises LineupError for one that is not declared."""
    for name in names:
        if name not in params.runs:
            raise LineupError("RUNS", f"no run {name!r}", "a run under runs", nearest(name, params.runs))
    return list(names or params.runs)


def read_before(commit: str) -> Before:
    """The files of `resolved/` in `commit`, by their names; none in commits that are older than these."""
    paths = ask_git("ls-tree", "-r", "--name-only", commit, "--", "resolved/").split()
    return {
        path.removeprefix("resolved/").removesuffix(".json"): parse_resolved(
            ask_git("show", f"{commit}:{path}"), f"{commit[:12]}:{path}"
        )
        for path in paths
    }


def list_changed(resolver: Resolver, before: Before, runs: Sequence[str]) -> Iterator[str]:
    """The stages, as `train@d3`, whose code has another meaning, and that the earlier commit has too."""
    for name in resolver.list_names():
        section, _, key = name.partition("/")
        if section not in ("runs", *LEFT) or (section == "runs" and key not in runs):
            continue
        after = resolver.resolve(name)
        for kind, reached in after.code.items():
            code = find_first(resolver.proven, f"{kind}@{key}", reached.digest)
            if not before or (
                name in before
                and code != find_first(resolver.proven, f"{kind}@{key}", before[name].code[kind].digest)
            ):
                yield f"{kind}@{key}"


def find_kinds(changed: Sequence[str], resolver: Resolver) -> dict[str, str]:
    """For each stage the first one of its kind, which is run for all of them.

    Runs are of a kind if they reach the same code with the same keys and words; numbers may differ.
    """
    first: dict[str, str] = {}
    kinds = {}
    for name in changed:
        kind, _, key = name.partition("@")
        about: object = name
        if kind in ("train", "evaluate"):
            reached = resolver.resolve(f"runs/{key}").code
            digests = [reached["train"].digest, reached["evaluate"].digest]
            values = [describe_training(resolver.params, key), describe_evaluation(resolver.params, key)]
            about = [kind, digests, mask_numbers(values)]
        kinds[name] = first.setdefault(json.dumps(about, sort_keys=True), name)
    return kinds


def mask_numbers(values: Any) -> Any:
    """JSON values with every number as the same word."""
    if isinstance(values, Mapping):
        return {key: mask_numbers(value) for key, value in values.items()}
    if isinstance(values, list):
        return [mask_numbers(each) for each in values]
    return "number" if isinstance(values, int | float) and not isinstance(values, bool) else values


def name_proof(before: str, after: str, precision: str) -> str:
    """How a proof is called."""
    return "-".join(word for word in (before[:12], after[:12], precision) if word)


def prove(
    before: str, after: str, changed: Sequence[str], params: Params, precision: str
) -> dict[str, str | None]:
    """What differs of each stage, None for equal bits; from an earlier call as far as that came."""
    progress = STATE / f"{name_proof(before, after, precision)}.json"
    found: dict[str, str | None] = json.loads(progress.read_text()) if progress.exists() else {}
    sides = [Side(before, STATE / "before", precision), Side(after, STATE / "after", precision)]
    todo = order([name for name in changed if name not in found], params)
    with ThreadPool(len(sides)) as pool:
        pool.map(Side.lay_out, sides)
        for number, name in enumerate(todo, start=1):
            failed = [error for error in pool.starmap(run, [(side, name, params) for side in sides]) if error]
            found[name] = "; ".join(failed) or find_difference(name, *(side.folder for side in sides))
            print(f"{number}/{len(todo)} {name}: {found[name] or 'equal'}", flush=True)
            write_text(progress, json.dumps(found))
    return found


def order(changed: Sequence[str], params: Params) -> list[str]:
    """The stages `changed` and all that they need, in an order in which they can be run."""
    graph: dict[str, set[str]] = {}

    def add(name: str) -> None:
        if name in graph:
            return
        kind, _, key = name.partition("@")
        graph[name] = set()
        if kind == "evaluate":
            graph[name] = {f"train@{key}"}
        elif kind == "train":
            graph[name] = {f"weights@{params.runs[key].weights}"}
        elif kind == "weights":
            weights = params.weights[key]
            graph[name] = {f"train@{weights.run}"} if isinstance(weights, RunWeights) else set()
        for each in graph[name]:
            add(each)

    for name in changed:
        add(name)
    return list(TopologicalSorter(graph).static_order())


def run(side: Side, name: str, params: Params) -> str | None:
    """Run a stage on one side, on the images that it needs; what went wrong, if anything did."""
    kind, _, key = name.partition("@")
    if kind in ("train", "evaluate"):
        side.bring_images(VIEWS, params.runs[key].view)
    elif kind == "preprocess":
        side.bring(RAW / f"{params.views[key].dataset}.safetensors")
    elif kind == "duplicates":
        side.bring(RAW / f"{key}.safetensors")
    return side.run(name)


def list_pairs(name: str, resolver: Resolver, before: Before) -> list[tuple[str, str]]:
    """The equal hashes before and after: of the code and, where values have other names, identities."""
    kind, _, key = name.partition("@")
    file = f"runs/{key}" if kind in ("train", "evaluate") else f"{kind}/{key}"
    if file not in before:
        return []
    identity = "training" if kind == "train" else kind
    pair = before[file].code[kind].digest, resolver.resolve(file).code[kind].digest
    proven = {**resolver.proven, (name, pair[1]): pair[0]}
    then = Resolver(resolver.files, resolver.code, proven).resolve(file).identity[identity]
    was = before[file].identity[identity]
    return [pair] if then == was else [pair, (was, then)]


def count_steps(changed: Sequence[str], params: Params) -> int:
    """The steps that the longest of the trainings takes."""
    runs = [name.partition("@")[2] for name in changed if name.startswith("train@")]
    phases = [len(resolve_run(params, run).recipe.phases) for run in runs]
    return EPOCHS * STEPS * max(phases, default=0)
