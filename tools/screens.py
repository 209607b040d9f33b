"""Draw what DVC's commands print, as README shows it: `python tools/screens.py`.

In: the workspace and its experiments. Out: docs/screens/<name>.svg.
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
from lineup.errors import LineupError
from lineup.files import write_text

SCREENS = Path("docs/screens")
# Left out: what is equal in all, hashes, and figures beside the first.
DROP = r"Created|State|Executor|.*(loss|f1|psnr|ssim)|(runs|waiting)\..*|models/.*"
COMMANDS = {  # and the width of the terminal
    "experiments": (f"dvc exp show --no-pager --only-changed --drop '{DROP}'", 144),
    "metrics": ("dvc metrics show", 100),
}
FONT_FILE = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def main() -> None:
    """Run every command and draw it."""
    for name, (command, columns) in COMMANDS.items():
        write_text(SCREENS / f"{name}.svg", draw(command, run(command, columns)))


def run(command: str, columns: int) -> str:
    """What `command` prints on a terminal of so many columns, colours included.

    Raises LineupError if it fails.
    """
    terminal = {**os.environ, "COLUMNS": str(columns), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
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
