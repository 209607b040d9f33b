"""What git says, for all tools."""

import subprocess

from lineup.errors import LineupError


def ask_git(*words: str) -> str:
    """The text that `git` prints. Raises LineupError if there is no git, or it fails."""
    return read_git(*words).decode()


def read_git(*words: str) -> bytes:
    """The bytes that `git` prints, as of a file. Raises LineupError if there is no git, or it fails."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, check=False)
    except OSError as error:
        raise LineupError("git", str(error), "git", "install it") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).decode(errors="replace").split())
        raise LineupError(f"git {words[0]}", said, "a git repository with commits", "see what it says")
    return done.stdout
