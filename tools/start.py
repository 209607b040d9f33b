"""Start declared runs: `python tools/start.py NAME...` moves their entries from waiting to runs.

In and out: params.yaml, in which every other byte stays as it is. Prints what to run next.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lineup.config.params import check, check_architectures, nearest, parse, read
from lineup.console import stage
from lineup.errors import LineupError
from lineup.files import write_text

PARAMS = Path("params.yaml")


def main(name: str, *more: str) -> None:
    """Move the entries named; nothing is written unless all can be moved and the file stays valid."""
    names = (name, *more)
    text = move_waiting(read(PARAMS), names)
    check_architectures(check(parse(text, PARAMS), PARAMS), PARAMS)
    write_text(PARAMS, text)
    print("dvc repro", *(f"{step}@{each}" for each in names for step in ("train", "evaluate")), "compare")


def move_waiting(text: str, names: Iterable[str]) -> str:
    """Return `text`, that of params.yaml, with the entries called `names` moved from waiting to runs.

    Raises LineupError if one is not there or cannot be moved line by line, or if `text` is not valid.
    """
    wanted, moved = parse(text, PARAMS), text
    check(wanted, PARAMS)
    for name in names:
        if name not in wanted["waiting"]:
            fix = nearest(name, wanted["waiting"])
            raise LineupError(f"{PARAMS}: waiting.{name}", "not there", "the name of a waiting run", fix)
        moved = move(moved, name)
        wanted["runs"][name] = wanted["waiting"].pop(name)
    if not _holds(moved, wanted):
        found = f"{', '.join(names)} cannot be moved safely"
        raise LineupError(f"{PARAMS}: waiting", found, "each run on lines of its own", "move it by hand")
    return moved


def _holds(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return _same(parse(text, PARAMS), wanted)
    except LineupError:
        return False


def move(text: str, name: str) -> str:
    """Return `text` with the lines of the entry `name` moved from waiting to the end of runs."""
    lines = text.splitlines(keepends=True)
    first, last = _section(lines, "waiting")
    start = next((at for at in range(first, last) if re.match(rf"[ ]+{name}:", lines[at])), None)
    if start is None:
        return text
    end = _entry_end(lines, start, last)
    entry = lines[start:end]
    del lines[start:end]
    if not any(_is_entry(line) for line in lines[first : last - len(entry)]):
        lines[first - 1] = re.sub(r"^waiting:", "waiting: {}", lines[first - 1])
    return "".join(_append(lines, entry))


def _append(lines: list[str], entry: list[str]) -> list[str]:
    """Return `lines` with `entry` straight after the last entry of runs."""
    first, last = _section(lines, "runs")
    lines[first - 1] = re.sub(r"^runs:\s*\{\s*\}", "runs:", lines[first - 1])
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
