"""What the reports fix of each row (protocols.yaml), and where a run departs from it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lineup.errors import LineupError

MET, NOTHING_FIXED = "met", "nothing fixed"
MISSING = object()
# How an expected value may be given if not as the value itself.
RULES = ("above", "one_of", "none_of", "in_order")


def resolve_protocols(data: Any, rows: Iterable[str], where: str) -> dict[str, dict[str, Any]]:
    """What each of `rows` fixes: {row: {path into a run's settings: expected value or rule}}.

    data: what the file `where` holds: `shared` and `rows`, both {name: {path: expected}}, where `like`
    names entries that hold as well (a row's own value goes before theirs, a later one's before an earlier
    one's). Raises LineupError for rows that differ from `rows`, unknown names and rules that are none.
    """
    sections = ("shared", "rows")
    if not isinstance(data, dict) or set(data) != set(sections):
        raise LineupError(where, "other sections", " and ".join(sections), "restore it from the repository")
    shared, fixed = (dict(_read_entries(data[section], f"{where}: {section}")) for section in sections)
    rows = list(rows)
    if set(fixed) != set(rows):
        named = ", ".join(sorted(set(fixed) ^ set(rows)))
        raise LineupError(where, f"rows that differ in {named}", "the rows of claims.csv", "correct it")
    entries = {**shared, **fixed}
    return {row: _resolve(row, entries, (), where) for row in rows}


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


def _read_entries(section: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a section by name, which YAML may have taken for a number; blank is empty."""
    for name, entry in _read_mapping(section, where).items():
        place = f"{where}.{name}"
        checked = _read_mapping(entry, place)
        if not isinstance(checked.get("like", []), list):
            raise LineupError(f"{place}.like", str(checked["like"]), "a list of entries", "put it in [ ]")
        for path, expected in checked.items():
            if not isinstance(path, str):
                raise LineupError(f"{place}.{path}", str(path), "a path, as recipe.lr", "correct it")
            if isinstance(expected, dict) and not _is_rule(expected):
                raise LineupError(
                    f"{place}.{path}",
                    str(expected),
                    "above with a number, or one_of, none_of or in_order (of texts) with a list",
                    "correct it",
                )
        yield str(name), checked


def _read_mapping(data: Any, where: str) -> dict[Any, Any]:
    if not isinstance(data, dict | None):
        raise LineupError(where, str(data), "names with a value each", "correct it")
    return data or {}


def _is_rule(expected: Mapping[str, Any]) -> bool:
    if len(expected) != 1:
        return False
    (rule, wanted), *_ = expected.items()
    if rule == "above":
        return isinstance(wanted, int | float)
    listed = isinstance(wanted, list) and bool(wanted)
    texts = listed and all(isinstance(each, str) and each.split() for each in wanted)
    return rule in RULES and (texts if rule == "in_order" else listed)


def _resolve(name: str, entries: Mapping[str, Any], above: tuple[str, ...], where: str) -> dict[str, Any]:
    if name not in entries or name in above:
        place = f"{where}: {above[-1]}: like"
        raise LineupError(place, name, "another entry that does not refer back", "correct it")
    entry, resolved = dict(entries[name]), dict[str, Any]()
    for other in entry.pop("like", []):
        resolved |= _resolve(str(other), entries, (*above, name), where)
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
