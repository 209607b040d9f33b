"""What reports fix of each row, and where a run departs from it."""

from collections.abc import Callable, Mapping
from typing import Any

from lineup.errors import LineupError, nearest

Protocol = Mapping[str, Any]

MET, NOTHING_FIXED = "met", "nothing fixed"
MISSING = object()
# How an expected value may be given if not as the value itself.
RULES = ("above", "one_of", "none_of", "in_order")


def resolve_protocols(
    shared: Mapping[str, Protocol], rows: Mapping[str, Protocol], locate: Callable[[str], str]
) -> dict[str, Protocol]:
    """What each of `rows` fixes: {row: {path into a run's settings: expected value or rule}}.

    `like` names entries of `shared` or `rows` that hold as well (a row's own value goes before theirs, a
    later one's before an earlier one's). Raises LineupError for unknown names; `locate` says where an entry
    stands.
    """
    entries = {**shared, **rows}
    return {row: _resolve(row, entries, (), locate) for row in rows}


def check_protocol(protocol: Protocol) -> Protocol:
    """Refuse, by ValueError, a `like` that is no list, and rules that are none."""
    if not isinstance(protocol.get("like", []), list):
        raise ValueError("a list of entries after like")
    for path, expected in protocol.items():
        if isinstance(expected, dict) and not _is_rule(expected):
            raise ValueError(
                f"{path}: above with a number, or one_of, none_of or in_order (of texts) with a list"
            )
    return protocol


def judge_protocol(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """`met`, `nothing fixed`, or the departures of a run with these `settings`, joined by semicolons."""
    if not protocol:
        return NOTHING_FIXED
    return "; ".join(find_departures(protocol, settings)) or MET


def find_departures(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """A text for each value of `settings` (nested) that is not what `protocol` {path: expected} fixes."""
    departures = []
    for path, expected in protocol.items():
        rule, wanted = _read_rule(expected)
        found = _reduce(rule, _look_up(settings, path), wanted)
        if found is MISSING or not _keeps(rule, found, wanted):
            shown = "not there" if found is MISSING else _show(found)
            departures.append(f"{path} {shown}, the report has {_show_rule(rule, wanted)}")
    return departures


def _is_rule(expected: Mapping[str, Any]) -> bool:
    if len(expected) != 1:
        return False
    (rule, wanted), *_ = expected.items()
    if rule == "above":
        return isinstance(wanted, int | float)
    listed = isinstance(wanted, list) and bool(wanted)
    texts = listed and all(isinstance(each, str) and each.split() for each in wanted)
    return rule in RULES and (texts if rule == "in_order" else listed)


def _resolve(
    name: str, entries: Mapping[str, Protocol], above: tuple[str, ...], locate: Callable[[str], str]
) -> dict[str, Any]:
    if name not in entries or name in above:
        where, expected = f"{locate(above[-1])}.like", "another entry that does not refer back"
        raise LineupError(where, name, expected, nearest(name, entries))
    entry, resolved = dict(entries[name]), dict[str, Any]()
    for other in entry.pop("like", []):
        resolved |= _resolve(str(other), entries, (*above, name), locate)
    return resolved | entry


def _read_rule(expected: Any) -> tuple[str, Any]:
    if isinstance(expected, dict):
        return next(iter(expected.items()))
    return "is", expected


def _look_up(settings: Any, path: str) -> Any:
    """The value at `path`, as in recipe.phases.0.lr; MISSING if there is none."""
    for step in path.split("."):
        if isinstance(settings, list) and step.isdigit() and int(step) < len(settings):
            settings = settings[int(step)]
        elif isinstance(settings, Mapping) and step in settings:
            settings = settings[step]
        else:
            return MISSING
    return settings


def _reduce(rule: str, found: Any, wanted: Any) -> Any:
    """For in_order: the list without entries of a kind (first word) that `wanted` does not name."""
    if rule != "in_order" or not isinstance(found, list):
        return found
    kinds = {entry.split()[0] for entry in wanted}
    # In other families than cnn, layers may be widths.
    return [entry for entry in found if str(entry).split()[0] in kinds]


def _keeps(rule: str, found: Any, wanted: Any) -> bool:
    if rule == "above":
        return isinstance(found, int | float) and bool(found > wanted)
    if rule in ("one_of", "none_of"):
        return (found in wanted) == (rule == "one_of")
    return bool(found == wanted)


def _show_rule(rule: str, wanted: Any) -> str:
    if rule == "above":
        return f"more than {wanted}"
    if rule == "one_of":
        return " or ".join(map(_show, wanted))
    if rule == "none_of":
        return f"neither {' nor '.join(map(_show, wanted))}" if len(wanted) > 1 else f"not {_show(wanted[0])}"
    return _show(wanted)


def _show(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_show, value))}]"
    if isinstance(value, Mapping):
        # A schedule and a phase have names.
        return str(value.get("name", dict(value)))
    return str(value)
