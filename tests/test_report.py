import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_up import ROOT, compare, declare, make_project, run_stage
from parameters import resolve

from lineup.comparison.confusions import describe_worst, find_worst
from lineup.comparison.report import CAPTIONS, compare_environments
from lineup.comparison.results import Result
from lineup.evaluation.outcomes import Outcomes

NO_OUTCOMES = Outcomes((), "", np.zeros((0, 0)))
VOID = {"meta", "img", "br", "link", "hr", "input"}


class Reader(HTMLParser):
    """Keeps tags with their attributes and refuses tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_page(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text())
    return reader


@pytest.fixture(scope="module")
def page(compared: Path) -> Reader:
    """The report without pictures of runs."""
    return read_page(compared / "plots/report.html")


@pytest.fixture(scope="module")
def full_page(compared: Path) -> Reader:
    return read_page(compared / "plots/full_report.html")


def read_text(page: Reader) -> str:
    return " ".join(" ".join(page.text).split())


def test_every_picture_has_a_caption() -> None:
    sources = [
        *(ROOT / "src/lineup/evaluation/evaluators").rglob("*.py"),
        ROOT / "src/lineup/evaluation/run.py",
    ]
    written = {name for path in sources for name in re.findall(r'/ "(\w+)\.png"', path.read_text())}
    assert written == set(CAPTIONS)


@pytest.mark.parametrize(("name", "linked"), [("page", 6), ("full_page", 7)])
def test_page_is_well_formed(name: str, linked: int, request: pytest.FixtureRequest) -> None:
    page: Reader = request.getfixturevalue(name)
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert len(links) == linked
    assert {f"#{name}" for name in ids} >= set(links)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("name", "pictures"),
    # One of each classifier, three of each autoencoder, and the samples of the one declared view.
    [("page", 0), ("full_page", 5 + 2 * 3 + 1)],
)
def test_page_needs_nothing_beside_it(name: str, pictures: int, request: pytest.FixtureRequest) -> None:
    page: Reader = request.getfixturevalue(name)
    sources = [a["src"] for _, a in page.tags if "src" in a]
    assert len(sources) == pictures
    assert all(source and source.startswith("data:image/webp;base64,") for source in sources)
    assert not any(tag in ("link", "iframe") for tag, _ in page.tags)
    links = [value or "" for _, a in page.tags for key, value in a.items() if key.endswith("href")]
    assert all(link.startswith("#") for link in links)


def test_page_without_pictures_says_where_they_are(page: Reader, full_page: Reader) -> None:
    where = "The pictures of each run are in the full report, plots/full_report.html, which"
    assert where in read_text(page)
    assert "Samples" not in read_text(page)
    assert "metrics/significance.csv" in read_text(page)
    assert where not in read_text(full_page)
    assert "Samples of the data" in read_text(full_page)
    assert "only other right" in read_text(full_page)


def test_a_full_report_has_the_pictures_that_are_here(
    comparable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (comparable / "plots/pictures/own/predictions.png").unlink()
    (comparable / "plots/samples/digits.png").unlink()
    (comparable / "params.yaml").write_text(declare({"own": (None, [5, 6]), "d3": ("D3", [0, 1, 2])}, {}))
    resolve(comparable, "compare")
    run_stage(comparable, "report", monkeypatch)
    page = read_page(comparable / "plots/full_report.html")
    assert [a["alt"] for tag, a in page.tags if tag == "img"] == [f"{CAPTIONS['predictions']}: d3"]
    assert "Samples" not in read_text(page)
    assert not (comparable / "metrics/comparison.csv").exists()


@pytest.mark.parametrize("name", ["page", "full_page"])
def test_page_holds_every_run_and_claim(name: str, request: pytest.FixtureRequest) -> None:
    page: Reader = request.getfixturevalue(name)
    text = read_text(page)
    for expected in (
        "resnet18_e1",
        "0.8860",
        "0.6709",
        "+0.0651",
        "-0.000044",
        "swin (A9)",
        "Swin Transformer (given up)",
        "recipe.optimizer",
        "digits",
        "taken for",
        "c0ffee-own",
        "resnet18_e1 wins: it has the best validation accuracy.",
        "cae_wide can be told apart from every other run.",
        "Cochran's Q says of all runs together: p",
        "seeds 95 %",
        "calibration error",
    ):
        assert expected in text
    # Accuracy, two costs, gaps and error, two overlays of curves a task, and the curves of each run.
    assert sum(tag == "svg" for tag, _ in page.tags) == 5 + 2 * 2 + 7
    assert sum(a.get("class") == "matrix" for _, a in page.tags) == 7


def test_full_report_holds_every_picture(full_page: Reader) -> None:
    assert "Filters of the first layer" in read_text(full_page)
    named = {a["alt"] for tag, a in full_page.tags if tag == "img"}
    assert {"Samples of digits", f"{CAPTIONS['latent']}: cae", f"{CAPTIONS['predictions']}: own"} < named


def test_shares_of_a_confusion_matrix_are_of_its_rows(page: Reader) -> None:
    cells = [a["style"] for tag, a in page.tags if tag == "td" and "style" in a]
    # 700 right answers in each row, and of the tenth of all classes 9 * j mod 61 wrong ones.
    last = 700 / (700 + sum(9 * j % 61 for j in range(9)))
    assert f"--share:{last:.3f}" in cells
    assert {cell and cell.split(":")[0] for cell in cells} == {"--share"}


def test_page_suits_phones_and_dark_rooms(page: Reader) -> None:
    names = {attributes.get("name") for tag, attributes in page.tags if tag == "meta"}
    assert {"viewport", "color-scheme"} <= names
    style = next(text for text in page.text if "prefers-color-scheme: dark" in text)
    assert "overflow-x: auto" in style


def test_a_study_that_repeats_no_report_has_no_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path)
    (tmp_path / "params.yaml").write_text(declare({"b1": (None, [0]), "cae": (None, [0])}, {}))
    compare(tmp_path, monkeypatch, drawn=True)
    html = (tmp_path / "plots/report.html").read_text()
    assert "learning curves" in html.lower()
    assert "claim" not in html.lower()
    assert "the reports" not in html.lower()


def test_names_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path)
    path = tmp_path / "plots/confusion/b1.csv"
    path.write_text(path.read_text().replace("airplane", "<b>airplane"))
    compare(tmp_path, monkeypatch, drawn=True)
    html = (tmp_path / "plots/report.html").read_text()
    assert "&lt;b&gt;airplane" in html
    assert "<b>airplane" not in html


def test_worst_confusions_come_first_with_their_share() -> None:
    cells = [("a", "a", 6), ("a", "b", 2), ("b", "a", 5), ("b", "b", 5), ("b", "c", 0)]
    confusion = [{"actual": a, "predicted": p, "count": str(n)} for a, p, n in cells]
    assert find_worst(confusion, 5) == [("b", "a", 5, 0.5), ("a", "b", 2, 0.25)]
    assert describe_worst(confusion) == "b as a (50%)"
    few = [{"actual": "a", "predicted": p, "count": str(n)} for p, n in (("a", 996), ("b", 4))]
    assert describe_worst(few) == "a as b (0.4%)"
    assert describe_worst(few[:1]) == ""


def test_environments_are_split_into_common_and_differing() -> None:
    facts = {"x": {"torch": "2", "commit": "1"}, "y": {"torch": "2", "commit": "2", "gpu": "z"}}
    results = {
        run: Result({}, {}, {"seeds": {"0": {"environment": facts[run]}}}, NO_OUTCOMES, [], [])
        for run in facts
    }
    common, differing = compare_environments(results)
    assert common == {"torch": "2"}
    assert differing == {"commit": {"x": "1", "y": "2"}, "gpu": {"x": "", "y": "z"}}
