"""Draw what DVC's commands print, for README: `make screens [NAME=...]`, all if none is named.

In: the workspace and its experiments, which only the clone has that ran them. Out: docs/screens/<name>.svg.
"""

import io
import os
import re
import shlex
import subprocess
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from lineup.console import stage
from lineup.errors import LineupError, nearest
from lineup.files import write_text

SCREENS = Path("docs/screens")
# Left out: what is equal in all, hashes, and figures beside the first.
HASHES = r"(models|resolved)/.*|reports|\w+\.yaml"
DROP = rf"Created|State|Executor|.*(loss|f1|psnr|ssim)|(runs|waiting)\..*|{HASHES}"
COMMANDS = {
    "experiments": f"dvc exp show --no-pager --only-changed --drop '{DROP}'",
    "metrics": "dvc metrics show",
}
COLUMNS = 144
FONT_FILE = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def main(*names: str) -> None:
    """Run the commands called `names`, or all, and draw what they print."""
    for name in names:
        if name not in COMMANDS:
            raise LineupError("screen", name, f"one of {', '.join(COMMANDS)}", nearest(name, COMMANDS))
    for name in names or COMMANDS:
        write_text(SCREENS / f"{name}.svg", draw(COMMANDS[name], run(COMMANDS[name])))


def run(command: str) -> str:
    """What `command` prints on a terminal of COLUMNS, colours included. Raises LineupError if it fails."""
    terminal = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, env=terminal, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise LineupError(command, last, "exit code 0", "run it by hand to see more")
    return done.stdout


def draw(command: str, printed: str) -> str:
    """An SVG picture of a terminal in which `command` has just `printed`; it loads nothing, fonts neither."""
    text = Text.assemble((f"$ {command}\n", "bold"), Text.from_ansi(printed.rstrip()))
    text.no_wrap = True
    width = max(len(line) for line in text.plain.splitlines())
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(text, soft_wrap=True)
    picture = console.export_svg(title="", theme=DIMMED_MONOKAI, unique_id="screen")
    return FONT_FILE.sub("", picture)


if __name__ == "__main__":
    stage(main)
