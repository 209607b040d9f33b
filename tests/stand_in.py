"""A host without DVC, for tests of who runs when: quick to import, since processes of tests do."""

import os
from pathlib import Path

# In DVC's place: a stage that notes when it begins and ends, and what it finds.
STAND_IN = """#!/bin/sh
for stage; do :; done
case $stage in *slow*) trap 'echo "checkpoint $stage" >> events; kill $!; exit 130' INT;; esac
echo "begin $stage ${OMP_WAIT_POLICY:-none}" >> events
case $stage in
  *bad*) echo "it broke"; exit 1;;
  *slow*) sleep 60 & wait;;
  *) sleep 0.4;;
esac
echo "end $stage" >> events
"""


class StandIn:
    """A host without DVC."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder
        (folder / "dvc.sh").write_text(STAND_IN)

    def log(self, stage: str) -> Path:
        return self.repository / f"{stage}.log"

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}

    def dvc(self, *words: str) -> list[str]:
        return ["sh", "dvc.sh", *words]

    @property
    def events(self) -> list[str]:
        path = self.repository / "events"
        return path.read_text().splitlines() if path.exists() else []

    def together(self) -> set[frozenset[str]]:
        """The stages that ran at the same time, set by set."""
        running: set[str] = set()
        found = set()
        for event in self.events:
            word, stage, *_ = event.split()
            running = running | {stage} if word == "begin" else running - {stage}
            found.add(frozenset(running))
        return found
