"""Proofs by bits that changed code gives the same results: small records in `proofs/`, tracked by git.

tools/prove writes one. A result whose code has changed is kept under the identity that it was made with where
a record says that both codes give the same bits.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lineup.errors import LineupError
from lineup.files import write_text

FOLDER = Path("proofs")


@dataclass(frozen=True)
class Proof:
    """What was run on both sides, and what gave equal bits.

    before, after: commits; processor, torch: where and with what it was run; steps: of training at most, in
    a run; precision: of all trainings, empty for that which each declares; equal: {stage@name: pairs of
    hashes before and after, of its code, and of its identity where the values have other names}; different:
    names whose bits differ; complete: False for one that was cut short, of which nothing is taken.
    """

    before: str
    after: str
    date: str
    processor: str
    torch: str
    steps: int
    precision: str
    equal: Mapping[str, Sequence[tuple[str, str]]]
    different: tuple[str, ...]
    complete: bool


def write_proof(proof: Proof, path: Path) -> None:
    """Write `proof` as JSON."""
    write_text(path, json.dumps(asdict(proof), indent=1) + "\n")


def read_proofs(folder: Path = FOLDER) -> dict[tuple[str, str], str]:
    """The hash before, by stage@name and hash after, of all complete proofs in `folder`.

    Raises LineupError for a file that is no proof.
    """
    return {
        (name, after): before
        for path in sorted(folder.glob("*.json"))
        for name, before, after in _read_pairs(path)
    }


def find_first(proven: Mapping[tuple[str, str], str], name: str, digest: str) -> str:
    """The first of the hashes of `name` that are proven to be equal to `digest`, back through all proofs."""
    seen = [digest]
    while (before := proven.get((name, seen[-1]))) and before not in seen:
        seen.append(before)
    return seen[-1]


def _read_pairs(path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        proof = Proof(**content)
        if proof.complete:
            for name, pairs in proof.equal.items():
                yield from ((name, before, after) for before, after in pairs)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        fix = "restore it from git, or remove it and run make prove again"
        raise LineupError(str(path), f"not readable ({error})", "a proof by bits", fix) from error
