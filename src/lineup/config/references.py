"""Whether the entries of params.yaml that others name are there."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from lineup.config.problems import Locate, unknown
from lineup.config.resolve import resolve_rows
from lineup.config.schema import Params, RunWeights
from lineup.errors import LineupError, nearest

# Which table the values of these keys must be found in; `model` is special, its table depends on the family,
# and so is `weights`, where what waits may name what waits.
RUN_TABLES = {"view": "views", "augment": "augments", "recipe": "recipes"}
# What need not be declared: an augmentation that leaves images as they are.
ALWAYS = (("augments", "none"),)


def find_missing(data: dict[str, Any], locate: Locate) -> Iterator[LineupError]:
    """Names in `data`, the content of the files, that no entry has or that two have."""
    for name, view in _table(data, "views").items():
        yield from _reference(f"views.{name}.dataset", view, "datasets", _table(data, "datasets"), locate)
    weights, later = _table(data, "weights"), _table(data, "waiting_weights")
    ready = {"runs": weights, "waiting": {**weights, **later}}
    for section in ("runs", "waiting"):
        for name, run in _table(data, section).items():
            for key, table in RUN_TABLES.items():
                yield from _reference(f"{section}.{name}.{key}", run, table, _table(data, table), locate)
            yield from _weights_problems(f"{section}.{name}.weights", run, ready[section], later, locate)
            family = run.get("family") if isinstance(run, dict) else None
            if isinstance(family, str) and family in _families():
                models = _table(data, "models", family)
                yield from _reference(f"{section}.{name}.model", run, f"models.{family}", models, locate)
    for first, second in (("runs", "waiting"), ("weights", "waiting_weights")):
        for name in _table(data, first).keys() & _table(data, second).keys():
            where, expected = locate(f"{second}.{name}"), f"a name in {first} or in {second}"
            yield LineupError(where, f"also in {first}", expected, "remove one of the two")


def find_bad_sources(params: Params, locate: Locate) -> Iterator[LineupError]:
    """Weights of another run: that run and seed must be there, it must not wait, nor wait for itself."""
    for section, runs in (
        ("weights", params.runs),
        ("waiting_weights", {**params.runs, **params.waiting}),
    ):
        for name, weights in getattr(params, section).items():
            if not isinstance(weights, RunWeights):
                continue
            where = locate(f"{section}.{name}.needs")
            if weights.run not in runs:
                fix = (
                    f"move these weights to waiting_weights, or run {weights.run} from waiting to runs"
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


def find_wrong_rows(params: Params, locate: Locate) -> Iterator[LineupError]:
    """Runs for rows that no report has, rows that two reports have, and protocols that name no entry."""
    rows: dict[str, str] = {}
    for report, each in params.reports.items():
        for row in each.rows:
            if row in rows:
                where, found = locate(f"reports.{report}.rows.{row}"), f"also a row of report {rows[row]}"
                yield LineupError(where, found, "each row once", "rename one")
            rows.setdefault(row, report)
    for section in ("runs", "waiting"):
        for name, run in getattr(params, section).items():
            if run.row is not None and run.row not in rows:
                key, fix = f"{section}.{name}.row", "correct it, or leave it out"
                yield (
                    unknown(locate(key), run.row, rows, "a row of a report")
                    if rows
                    else LineupError(locate(key), run.row, "a row of a report", fix)
                )
    try:
        resolve_rows(params, locate)
    except LineupError as error:
        yield error


def _reference(
    key: str, entry: Any, table: str, known: dict[str, Any], locate: Locate
) -> Iterator[LineupError]:
    word = entry.get(key.rsplit(".", 1)[-1]) if isinstance(entry, dict) else None
    if isinstance(word, str) and word not in known and (table, word) not in ALWAYS:
        names = [name for name in known if isinstance(name, str)]
        yield unknown(locate(key), word, names, f"a name under {table}")


def _weights_problems(
    key: str, run: Any, ready: dict[str, Any], later: dict[str, Any], locate: Locate
) -> Iterator[LineupError]:
    word = run.get("weights") if isinstance(run, dict) else None
    if isinstance(word, str) and word in later and word not in ready:
        fix = "move its entry up into weights"
        yield LineupError(locate(key), f"{word!r} waits", "a name under weights", fix)
        return
    yield from _reference(key, run, "weights", ready, locate)


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
