"""Start declared runs: `make start RUN="name ..."` moves their entries from waiting to runs.

The weights that a run starts from come along, and so does the run that these come from, if they wait too.

In and out: params.yaml, in which every other byte stays as it is. Prints what to run next, in a clone too.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lineup.config.params import check, check_architectures, parse, read
from lineup.console import stage
from lineup.errors import LineupError, nearest
from lineup.files import write_text

PARAMS = Path("params.yaml")
SHOWN = 3


def main(*names: str) -> None:
    """Move the entries named; nothing is written unless all can be moved and the file stays valid."""
    before = read(PARAMS)
    if not names:
        raise LineupError("RUN", "empty", "the name of a waiting run", _advise(before))
    text = move_waiting(before, names)
    check_architectures(check(parse(text, PARAMS), PARAMS), PARAMS)
    write_text(PARAMS, text)
    known, params = parse(before, PARAMS)["runs"], parse(text, PARAMS)
    print("dvc repro", *list_data(params, [each for each in params["runs"] if each not in known]))
    print("dvc repro --allow-missing")


def list_data(params: dict[str, Any], moved: Sequence[str]) -> list[str]:
    """The stages that bring what the `moved` runs train on: DVC says nothing of data that a clone lacks.

    Weights of a run that was moved as well are left out: they come after its training.
    """
    runs = [params["runs"][name] for name in moved]
    views = [f"preprocess@{run['view']}" for run in runs]
    later = {f"models/{name}" for name in moved}
    weights = [run["weights"] for run in runs if params["weights"][run["weights"]]["needs"] not in later]
    return list(dict.fromkeys([*views, *(f"weights@{name}" for name in weights)]))


def _advise(text: str) -> str:
    """What to type, with some of the names that may be given."""
    waiting = list(check(parse(text, PARAMS), PARAMS).waiting)
    some = ", ".join(waiting[:SHOWN]) + ", ..." * (len(waiting) > SHOWN)
    return f"make start RUN=name ({some})" if waiting else "declare one under waiting"


def move_waiting(text: str, names: Iterable[str]) -> str:
    """Return `text`, that of params.yaml, with the entries called `names` moved from waiting to runs.

    What they start from is moved as well, before them. Raises LineupError if one is not there or cannot be
    moved line by line, or if `text` is not valid.
    """
    wanted, moved = parse(text, PARAMS), text
    check(wanted, PARAMS)
    for name in names:
        if name not in wanted["waiting"]:
            fix = nearest(name, wanted["waiting"])
            raise LineupError(f"{PARAMS}: waiting.{name}", "not there", "the name of a waiting run", fix)
    for source, target, name in list_moves(wanted, names):
        moved = move(moved, name, source, target)
        wanted[target][name] = wanted[source].pop(name)
    if not _holds(moved, wanted):
        found = f"{', '.join(names)} cannot be moved safely"
        raise LineupError(f"{PARAMS}: waiting", found, "each run on lines of its own", "move it by hand")
    return moved


def list_moves(params: dict[str, Any], names: Iterable[str]) -> list[tuple[str, str, str]]:
    """The entries to be moved for the runs `names`, in order: (from, to, name), each once."""
    moves: list[tuple[str, str, str]] = []
    for name in names:
        weights = params["waiting"][name]["weights"]
        if weights in params["waiting_weights"]:
            run = params["waiting_weights"][weights]["needs"].removeprefix("models/")
            moves += list_moves(params, [run] if run in params["waiting"] else [])
            moves.append(("waiting_weights", "weights", weights))
        moves.append(("waiting", "runs", name))
    return list(dict.fromkeys(moves))


def _holds(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return _same(parse(text, PARAMS), wanted)
    except LineupError:
        return False


def move(text: str, name: str, source: str, target: str) -> str:
    """Return `text` with the lines of the entry `name` moved from section `source` to the end of `target`."""
    lines = text.splitlines(keepends=True)
    first, last = _section(lines, source)
    start = next((at for at in range(first, last) if re.match(rf"[ ]+{name}:", lines[at])), None)
    if start is None:
        return text
    end = _entry_end(lines, start, last)
    entry = lines[start:end]
    del lines[start:end]
    if not any(_is_entry(line) for line in lines[first : last - len(entry)]):
        lines[first - 1] = re.sub(rf"^{source}:", f"{source}: {{}}", lines[first - 1])
    return "".join(_append(lines, entry, target))


def _append(lines: list[str], entry: list[str], target: str) -> list[str]:
    """Return `lines` with `entry` straight after the last entry of section `target`."""
    first, last = _section(lines, target)
    lines[first - 1] = re.sub(rf"^{target}:\s*\{{\s*\}}", f"{target}:", lines[first - 1])
    end = max([at + 1 for at in range(first, last) if _is_entry(lines[at])], default=first)
    before = lines[:end]
    # An entry that ended the file may lack its line end.
    newline = "\r\n" if lines[0].endswith("\r\n") else "\n"
    block = [line if line.endswith("\n") else line + newline for line in entry]
    return [*before, *block, *lines[end:]]


def _section(lines: list[str], key: str) -> tuple[int, int]:
    """Return where the lines under the top-level `key` begin and where the next section begins."""
    first = next((at for at, line in enumerate(lines) if re.match(rf"{key}:", line)), None)
    if first is None:
        raise LineupError(
            f"{PARAMS}: {key}", "not written plainly", f"a line that begins with {key}:", "write it so"
        )
    rest = range(first + 1, len(lines))
    return first + 1, next((at for at in rest if re.match(r"[^\s#]", lines[at])), len(lines))


def _entry_end(lines: list[str], start: int, last: int) -> int:
    """Return the end of the entry at `start`: after its last line that is indented deeper."""
    indent = _indent(lines[start])
    end = start + 1
    for at in range(start + 1, last):
        if lines[at].strip() and _indent(lines[at]) <= indent:
            break
        if lines[at].strip():
            end = at + 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_entry(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _same(left: object, right: object) -> bool:
    # The text of the values tells 1 from 1.0 and true, which == does not.
    return left == right and repr(_ordered(left)) == repr(_ordered(right))


def _ordered(value: object) -> object:
    return {key: _ordered(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


if __name__ == "__main__":
    stage(main)
