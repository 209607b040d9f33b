"""What initial weights gained: which run is the twin of another, and how far apart they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from made_up import compare, make_results, read_csv

from lineup.comparison.gains import COLUMNS, TITLE
from lineup.comparison.pictures.gains import LABELS, plot_gains
from lineup.pictures import save_figure

HEAD = "| Run | From | Epochs | Seconds | Test | Twin | Epochs | Seconds | Test |"
VIEW = {"dataset": "digits", "color": "gray", "size": 8, "validation": 0.2, "split_seed": 0}


def declare_transfer(folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """d3 starts from what another run has learned; `changes` are made to the entries of runs."""
    path = folder / "params.yaml"
    data = json.loads(path.read_text())
    data["weights"]["handed"] = {"source": "run", "needs": "models/b1", "seed": 0}
    data["views"]["other"] = VIEW | {"normalize": "symmetric"}
    data["augments"]["turned"] = {"rotate": 9.0}
    for name, change in {"d3": {"weights": "handed"}, **changes}.items():
        data["runs"][name] |= change
    path.write_text(json.dumps(data))


def set_training(folder: Path, run: str, epochs: int, seconds: float) -> None:
    """The epochs and seconds that training a seed of `run` took."""
    path = folder / f"metrics/training/{run}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": epochs, "seconds": seconds}))


def read_gains(folder: Path) -> list[list[str]]:
    """The cells of the table of gains, row by row; none if there is no such table."""
    _, found, rest = (folder / "metrics/comparison.md").read_text().partition(f"#### {TITLE}\n\n")
    lines = rest.partition("\n\n")[0].splitlines() if found else []
    assert not lines or lines[0].startswith(HEAD)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def test_without_initial_weights_there_is_no_gain(compared: Path) -> None:
    assert read_gains(compared) == []
    assert (compared / "metrics/gains.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert TITLE not in (compared / "plots/report.html").read_text()


def test_a_gain_is_the_run_less_its_twin(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare_transfer(comparable, {name: {"augment": "turned"} for name in ("b1", "d3_fp32", "resnet18_e1")})
    set_training(comparable, "d3", 12, 1234.5)
    compare(comparable, monkeypatch, drawn=True)
    (cells,) = read_gains(comparable)
    assert cells[:5] == ["d3", "digits", "12", "1,234", "0.7360"]
    assert cells[5:9] == ["own", "10", "91", "0.6960"]
    assert cells[9] == "+4.00 points"
    assert 0 < float(cells[11]) <= 1
    page = (comparable / "plots/report.html").read_text()
    assert TITLE in page
    assert '<td data-value="own">own</td>' in page
    assert "d3 - own" in page


def test_a_gain_is_corrected_for_the_gains_alone(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare_transfer(comparable, {name: {"augment": "turned"} for name in ("b1", "d3_fp32", "resnet18_e1")})
    compare(comparable, monkeypatch)
    (gain,) = read_csv(comparable / "metrics/gains.csv")
    pairs = read_csv(comparable / "metrics/significance.csv")
    (pair,) = (each for each in pairs if {each["run"], each["other"]} == {"d3", "own"})
    assert gain["p"] == gain["p_corrected"] == pair["p"]
    assert float(pair["p"]) < float(pair["p_corrected"])
    measured = {row["run"]: row["test_accuracy"] for row in read_csv(comparable / "metrics/comparison.csv")}
    assert (gain["test"], gain["twin_test"]) == (measured["d3"], measured["own"])
    # With a second run that has a twin there are two.
    declare_transfer(comparable, {"d3_fp32": {"weights": "handed", "augment": "none"}})
    compare(comparable, monkeypatch)
    found = read_csv(comparable / "metrics/gains.csv")
    assert {(each["run"], each["twin"]) for each in found} == {("d3", "own"), ("d3_fp32", "own")}
    assert all(float(each["p"]) < float(each["p_corrected"]) for each in found)


def test_a_run_that_goes_on_from_another_costs_what_both_cost(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_transfer(comparable, {name: {"augment": "turned"} for name in ("b1", "d3_fp32")})
    path = comparable / "params.yaml"
    data = json.loads(path.read_text())
    data["weights"]["begun"] = {"source": "run", "needs": "models/d3", "seed": 0}
    data["runs"]["resnet18_e1"]["weights"] = "begun"
    path.write_text(json.dumps(data))
    set_training(comparable, "d3", 12, 1234.5)
    set_training(comparable, "resnet18_e1", 5, 100.0)
    compare(comparable, monkeypatch)
    costs = {
        row["run"]: (row["epochs"], row["seconds"]) for row in read_csv(comparable / "metrics/gains.csv")
    }
    assert costs == {"d3": ("12", "1234.5"), "resnet18_e1": ("17", "1334.5")}


def test_a_loss_is_negative_whichever_stands_first(comparable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_results(comparable, "resnet18_e1", [0], 0.99, 6.2)
    declare_transfer(comparable, {name: {"augment": "turned"} for name in ("b1", "d3_fp32", "own")})
    compare(comparable, monkeypatch)
    (cells,) = read_gains(comparable)
    assert (cells[0], cells[5], cells[9], cells[12]) == ("d3", "resnet18_e1", "-25.00 points", "resnet18_e1")
    low, high = (float(word) for word in cells[10].removesuffix(" points").split(" to "))
    assert low < -25 < high < 0


def test_the_twin_has_as_many_epochs_or_else_the_nearest_time(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_transfer(comparable, {"b1": {"augment": "turned"}})
    set_training(comparable, "d3", 12, 100.0)
    for place, run in enumerate(("d3_fp32", "resnet18_e1", "own")):
        set_training(comparable, run, 10, 300.0 - 50 * place)
    compare(comparable, monkeypatch)
    assert [cells[5] for cells in read_gains(comparable)] == ["own"]
    set_training(comparable, "d3_fp32", 12, 9000.0)
    compare(comparable, monkeypatch)
    assert [cells[5] for cells in read_gains(comparable)] == ["d3_fp32"]


@pytest.mark.parametrize(
    ("change", "twins"),
    [
        ({"augment": "turned"}, []),
        ({"tta": "flip"}, []),
        ({"weights": "handed"}, []),
        ({"model": "wider"}, []),
        ({"view": "other"}, ["own"]),
    ],
    ids=str,
)
def test_twins_share_all_but_weights_recipe_and_normalisation(
    comparable: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], twins: list[str]
) -> None:
    others = {name: {"augment": "turned"} for name in ("b1", "d3_fp32", "resnet18_e1")}
    declare_transfer(comparable, {**others, "own": change})
    path = comparable / "params.yaml"
    data = json.loads(path.read_text())
    data["models"]["mlp"]["wider"] = {"layers": [32], "dropout": 0.1}
    path.write_text(json.dumps(data))
    compare(comparable, monkeypatch)
    assert [cells[5] for cells in read_gains(comparable)] == twins


def gain(run: str, low: float, high: float, better: str) -> dict[str, Any]:
    """A row for the picture."""
    return {
        "run": run,
        "twin": "own",
        "difference": (low + high) / 2,
        "low": low,
        "high": high,
        "better": better,
    }


def read_picture(rows: list[dict[str, Any]], headline: str) -> tuple[list[str], list[str], list[str]]:
    """The names in a picture of `rows` from above, their numbers, and what colours mean."""
    figure = plot_gains(rows, headline)
    axes, legends = figure.axes[0], figure.legends
    places = [label.get_text() for label in axes.get_yticklabels()]
    assert axes.yaxis_inverted()
    told = [text.get_text() for legend in legends for text in legend.get_texts()]
    return places, [text.get_text() for text in axes.texts], told


ROWS = [gain("a", -0.02, 0.04, ""), gain("b", 0.1, 0.2, "b"), gain("c", -0.2, -0.1, "own")]


def test_the_best_gain_stands_first_in_the_picture() -> None:
    places, numbers, told = read_picture(ROWS, "accuracy")
    assert places == ["b - own", "a - own", "c - own"]
    assert numbers == ["+15.00", "+1.00", "-15.00"]
    assert told == list(LABELS.values())


def test_of_an_error_the_least_stands_first_in_the_picture() -> None:
    places, numbers, told = read_picture(ROWS[:2], "mse")
    assert places == ["a - own", "b - own"]
    assert numbers == ["+0.010000", "+0.150000"]
    assert told == ["really better", "cannot be told apart"]


def test_without_gains_the_picture_is_empty(tmp_path: Path) -> None:
    assert read_picture([], "accuracy") == ([], [], [])
    save_figure(plot_gains([], "accuracy"), tmp_path / "gains.png")
