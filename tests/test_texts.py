"""The comparison as the terminal and Markdown show it."""

import json
from pathlib import Path

import pytest
from made_up import compare, declare, make_results


def test_terminal_shows_runs_in_100_columns_and_the_report(compared: Path) -> None:
    lines = [" ".join(line.split()) for line in (compared / "said").read_text().splitlines()]
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("1 resnet18_e1 E1 0.8900 0.8860 ±0.0090") for line in lines)
    assert any(line.startswith("1 cae_wide A8 0.000700 0.000710 30.90 0.5234") for line in lines)
    assert any(line.startswith("D3 accuracy 0.6709 (test) 0.7390 +0.0681") for line in lines)
    assert "Declared, not run yet: swin (A9), vgg16 (B12)." in lines
    assert lines[-2:] == [
        "37 rows of the reports have no result yet: metrics/reproductions.csv",
        "report: plots/report.html",
    ]


def test_terminal_cuts_nothing_but_long_names(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "resnet18_with_a_name_of_so_many_letters_that_it_cannot_stay_whole"
    make_results(comparable, name, [0], 0.9, 12.25)
    # The widest claims and differences there are, so that all columns are as wide as they get.
    data = json.loads(declare({name: ("E1", [0]), "cae": ("A6", [0])}, {}))
    file = {"source": "file", "needs": "weights/from_elsewhere.safetensors", "licence": "MIT"}
    data["weights"]["file"] = file | {"architecture": "mlp", "mean": [0.5], "std": [0.5]}
    data["runs"][name]["weights"] = "file"
    (comparable / "params.yaml").write_text(json.dumps(data))
    compare(comparable, monkeypatch)
    said = capsys.readouterr().out.splitlines()
    assert max(map(len, said)) <= 100
    run, claim = (" ".join(line.split()) for line in said if "…" in line)
    assert run.endswith("… from_elsewh… E1 0.9000 0.8960 ±0.0090 622K 9.1 12.2")
    assert claim.startswith("E1 accuracy 0.8800 (validation) 0.9000 +0.0200 ")
    assert claim.endswith(" departures resnet18_with_a_name_…")


def test_a_row_for_which_its_report_has_no_figure_is_shown(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_results(comparable, "given_up", [0], 0.9, 12.25)
    (comparable / "params.yaml").write_text(declare({"given_up": ("A9", [0])}, {}))
    compare(comparable, monkeypatch)
    assert [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(" A9")]


def test_markdown_has_a_table_a_task_and_one_of_claims(compared: Path) -> None:
    text = (compared / "metrics/comparison.md").read_text()
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    # Row D3 has two runs: its claim stands there twice.
    assert [len(table) - 2 for table in tables] == [5, 5, 2, 2, 42 + 1]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
    assert tables[0][3].startswith("| 2 | d3_fp32 | D3 | 0.7430 | 0.7390 ±0.0090 | 0.7380 | 622K |")
    assert tables[1][2].startswith("| resnet18_e1 | ")
    assert "Good for their cost (no run with as few MACs is better on test): " in text
    assert tables[2][2].startswith("| 1 | cae_wide | A8 | 0.000700 | 0.000710 | 30.90 | 0.9456 | 0.5234 |")
    assert not any("|  |" in line.replace("|  | 0", "|") for line in tables[0][2:5])
    assert "Declared, not run yet: swin (A9), vgg16 (B12)." in text


def test_a_bar_in_a_text_does_not_end_its_cell(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = declare({"d3": ("D3", [0, 1, 2])}, {})
    assert "custom CNN: " in declared
    (comparable / "params.yaml").write_text(declared.replace("custom CNN: ", "custom | CNN: "))
    compare(comparable, monkeypatch)
    assert r"| D3 | custom \| CNN: " in (comparable / "metrics/comparison.md").read_text()


def test_machines_are_named_where_there_are_several(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (comparable / "params.yaml").write_text(declare({"d3": ("D3", [0, 1, 2]), "own": (None, [5, 6])}, {}))
    compare(comparable, monkeypatch)
    assert "Machine" not in (comparable / "metrics/comparison.md").read_text()
    latency = comparable / "metrics/latency/own.json"
    measured = json.loads(latency.read_text())
    measured["environment"]["device"] = "Abacus GPU"
    latency.write_text(json.dumps(measured))
    compare(comparable, monkeypatch)
    lines = (comparable / "metrics/comparison.md").read_text().splitlines()
    assert next(line for line in lines if "| own |" in line).endswith("| Abacus GPU |")
    assert next(line for line in lines if "| d3 |" in line).endswith("| Abacus |")
    assert any("Machine: what measured ms" in line for line in lines)


def test_markdown_without_claimed_rows_has_no_table_of_claims(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (comparable / "params.yaml").write_text(declare({"own": (None, [5, 6])}, {}))
    compare(comparable, monkeypatch)
    text = (comparable / "metrics/comparison.md").read_text()
    assert "Classification" in text
    assert "claims" not in text
    assert "Reconstruction" not in text


def test_a_second_comparison_gives_the_same_bytes(
    compared: Path, comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(comparable, monkeypatch, drawn=True)
    made = [
        *comparable.glob("metrics/*.*"),
        *comparable.glob("plots/comparison/*"),
        comparable / "plots/report.html",
    ]
    assert len(made) == 6 + 5 + 1
    for path in made:
        assert path.read_bytes() == (compared / path.relative_to(comparable)).read_bytes()
