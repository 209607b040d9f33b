"""What git says, for sweeps and bundles."""

import subprocess

from lineup.errors import LineupError


def ask_git(*words: str) -> str:
    """What `git` prints. Raises LineupError if there is no git, or it fails."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except OSError as error:
        raise LineupError("git", str(error), "git", "install it") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise LineupError(f"git {words[0]}", said, "a git repository with commits", "see what it says")
    return done.stdout
