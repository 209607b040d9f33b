"""The records that two codes give the same bits, and what is kept by them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from parameters import gather
from pipeline import ROOT, TINY
from ruamel.yaml import YAML

from lineup.config.identities import Resolver
from lineup.errors import LineupError
from lineup.identity.code import Code
from lineup.identity.proofs import Proof, find_first, read_proofs, write_proof

PROOF = Proof(
    before="1" * 40,
    after="2" * 40,
    date="2026-12-01",
    processor="Abacus",
    torch="2.15.0",
    steps=6,
    precision="",
    equal={"train@d3": [("aa", "bb")], "evaluate@d3": [("ee", "ff")]},
    different=("train@e1",),
    complete=True,
)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    write_proof(PROOF, tmp_path / "one.json")
    assert read_proofs(tmp_path) == {("train@d3", "bb"): "aa", ("evaluate@d3", "ff"): "ee"}
    (tmp_path / "README.md").write_text("no proof")
    write_proof(replace(PROOF, equal={"train@d3": [("bb", "cc"), ("xx", "yy")]}), tmp_path / "two.json")
    assert len(read_proofs(tmp_path)) == 4


def test_without_a_folder_nothing_is_proven(tmp_path: Path) -> None:
    assert read_proofs(tmp_path / "none") == {}


def test_of_a_proof_that_was_cut_short_nothing_is_taken(tmp_path: Path) -> None:
    write_proof(replace(PROOF, complete=False), tmp_path / "one.json")
    assert read_proofs(tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "{}", '"text"', b"\xff", json.dumps({**vars(PROOF), "more": 1}),
        json.dumps({**vars(PROOF), "equal": []}), json.dumps({**vars(PROOF), "equal": {"train@d3": ["aaa"]}}),
        json.dumps({**vars(PROOF), "equal": {"train@d3": [["aa", "bb", "cc"]]}}),
        json.dumps({key: value for key, value in vars(PROOF).items() if key != "complete"}),
    ],
)  # fmt: skip
def test_a_file_that_is_no_proof_stops_everything_in_one_line(tmp_path: Path, text: str | bytes) -> None:
    (tmp_path / "one.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(
        LineupError, match=r"one\.json: not readable \(.*expected a proof by bits; fix: "
    ) as raised:
        read_proofs(tmp_path)
    assert len(str(raised.value).splitlines()) == 1


def test_proofs_are_followed_back_to_the_first_code() -> None:
    proven = {("train@d3", "bb"): "aa", ("train@d3", "cc"): "bb", ("train@e1", "aa"): "zz"}
    assert find_first(proven, "train@d3", "cc") == find_first(proven, "train@d3", "bb") == "aa"
    assert find_first(proven, "train@d3", "dd") == "dd"
    # What is proven of one run says nothing of another, nor of another stage.
    assert find_first(proven, "train@e1", "cc") == find_first(proven, "evaluate@d3", "cc") == "cc"
    # From the first code on, nothing is followed the other way.
    assert find_first(proven, "train@d3", "aa") == "aa"


def test_proofs_in_a_circle_come_to_an_end() -> None:
    proven = {("train@d3", "bb"): "aa", ("train@d3", "aa"): "bb"}
    assert {find_first(proven, "train@d3", digest) for digest in ("aa", "bb")} == {"aa", "bb"}


def test_a_proof_keeps_the_identity_of_what_it_names() -> None:
    """Of this run's training alone; its own code, which the stage checks, is told as it is."""
    files = gather(YAML(typ="safe", pure=True).load(TINY))
    before = Resolver(files, Code(ROOT), {}).resolve("runs/dense")
    digest = before.code["train"].digest

    def change(name: str, pair: tuple[str, str]) -> set[str]:
        after = Resolver(files, Code(ROOT), {(name, pair[1]): pair[0]}).resolve("runs/dense")
        assert after.code == before.code
        return {stage for stage in before.identity if after.identity[stage] != before.identity[stage]}

    # Results that were made with code `aa` have another identity than those of today's: it is taken.
    assert change("train@dense", ("aa", digest)) == {"training", "train"}
    assert change("evaluate@dense", ("aa", before.code["evaluate"].digest)) == {"evaluate"}
    assert change("train@conv", ("aa", digest)) == set()
    assert change("train@dense", ("aa", "bb")) == set()
    # Where values have other names, the whole identity is proven to be an earlier one.
    assert change("train@dense", ("aa", before.identity["training"])) == {"training", "train"}
