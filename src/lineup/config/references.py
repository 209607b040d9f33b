"""Whether the entries of params.yaml that others name are there."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from lineup.config.problems import unknown
from lineup.config.schema import Params, RunWeights
from lineup.errors import LineupError, nearest

# Which table the values of these keys must be found in; `model` is special, its table depends on the family,
# and so is `weights`, where what waits may name what waits.
RUN_TABLES = {"view": "views", "augment": "augments", "recipe": "recipes"}


def find_missing(data: dict[str, Any], path: Path) -> Iterator[LineupError]:
    """Names in `data`, the content of `path`, that no entry has or that two have; its values may be wrong."""
    for name, view in _table(data, "views").items():
        yield from _reference(f"views.{name}.dataset", view, "datasets", _table(data, "datasets"), path)
    weights, later = _table(data, "weights"), _table(data, "waiting_weights")
    ready = {"runs": weights, "waiting": {**weights, **later}}
    for section in ("runs", "waiting"):
        for name, run in _table(data, section).items():
            for key, table in RUN_TABLES.items():
                yield from _reference(f"{section}.{name}.{key}", run, table, _table(data, table), path)
            yield from _weights_problems(f"{section}.{name}.weights", run, ready[section], later, path)
            family = run.get("family") if isinstance(run, dict) else None
            if isinstance(family, str) and family in _families():
                models = _table(data, "models", family)
                yield from _reference(f"{section}.{name}.model", run, f"models.{family}", models, path)
    for first, second in (("runs", "waiting"), ("weights", "waiting_weights")):
        for name in _table(data, first).keys() & _table(data, second).keys():
            where, expected = f"{path}: {second}.{name}", f"a name in {first} or in {second}"
            yield LineupError(where, f"also in {first}", expected, "remove one of the two")


def find_bad_sources(params: Params, path: Path) -> Iterator[LineupError]:
    """Weights of another run: that run and seed must be there, it must not wait, nor wait for itself."""
    for section, runs in (
        ("weights", params.runs),
        ("waiting_weights", {**params.runs, **params.waiting}),
    ):
        for name, weights in getattr(params, section).items():
            if not isinstance(weights, RunWeights):
                continue
            where = f"{path}: {section}.{name}.needs"
            if weights.run not in runs:
                fix = (
                    f"move these weights to waiting_weights, or `make start RUN={weights.run}`"
                    if weights.run in params.waiting
                    else nearest(weights.run, runs)
                )
                expected = "a run that does not wait" if section == "weights" else "a declared run"
                yield LineupError(where, f"no run {weights.run!r}", expected, fix)
            elif weights.seed not in runs[weights.run].seeds:
                found = f"seed {weights.seed}"
                yield LineupError(where, found, f"a seed of run {weights.run}", "choose another")
            elif _starts_from_itself(params, weights):
                found = f"run {weights.run} starts from itself"
                yield LineupError(where, found, "a run that another one starts from", "choose other weights")


def _reference(
    where: str, entry: Any, table: str, known: dict[str, Any], path: Path
) -> Iterator[LineupError]:
    word = entry.get(where.rsplit(".", 1)[-1]) if isinstance(entry, dict) else None
    if isinstance(word, str) and word not in known:
        yield unknown(
            where, word, filter(lambda key: isinstance(key, str), known), f"a name under {table}", path
        )


def _weights_problems(
    where: str, run: Any, ready: dict[str, Any], later: dict[str, Any], path: Path
) -> Iterator[LineupError]:
    word = run.get("weights") if isinstance(run, dict) else None
    if isinstance(word, str) and word in later and word not in ready:
        fix = "move its entry up into weights"
        yield LineupError(f"{path}: {where}", f"{word!r} waits", "a name under weights", fix)
        return
    yield from _reference(where, run, "weights", ready, path)


def _table(data: Any, *keys: str) -> dict[str, Any]:
    """Return the mapping at `keys`, empty where the file is wrong: the schema reports that."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


@cache
def _families() -> list[str]:
    return list(Params.model_json_schema()["$defs"]["Models"]["properties"])


def _starts_from_itself(params: Params, weights: RunWeights) -> bool:
    """Whether the sources of `weights`, and theirs, come round to a run that was there before."""
    runs, table = {**params.waiting, **params.runs}, {**params.waiting_weights, **params.weights}
    seen: list[str] = []
    source: object = weights
    while isinstance(source, RunWeights) and source.run in runs:
        if source.run in seen:
            return True
        seen.append(source.run)
        source = table[runs[source.run].weights]
    return False
