"""Pictures as parts of a page: shorter than matplotlib writes them, and still the same."""

import re
from html.parser import HTMLParser

import pytest

from lineup.comparison.pictures.curves import plot_run
from lineup.comparison.pictures.svg import SvgWriter, _leave_out_bare_groups, _shorten

ROWS = [
    {"run": "a", "split": split, "epoch": epoch, "loss": 1 / epoch, "accuracy": 0.1 * epoch}
    for split in ("validation", "train")
    for epoch in range(1, 8)
]


class Counter(HTMLParser):
    """Refuses tags that are not closed in order, and keeps attributes and texts."""

    def __init__(self, svg: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(svg)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def writer() -> SvgWriter:
    return SvgWriter()


@pytest.fixture(scope="module")
def svgs(writer: SvgWriter) -> list[str]:
    return [writer.write(plot_run(ROWS, {"loss": "cross entropy", "accuracy": "accuracy"})) for _ in range(2)]


def test_texts_and_lines_are_there(svgs: list[str]) -> None:
    read = Counter(svgs[0])
    assert {"cross entropy", "epoch", "validation", "train", "7"} <= set(read.texts)
    lines = [value for name, value in read.attributes if name == "d" and value.count("L") == 6]
    assert len(lines) == 4
    # The seven points of a curve, the last of them the lowest on the page.
    points = [tuple(map(float, point.split()[-2:])) for point in lines[0].split("L")]
    assert max(points, key=lambda point: point[1]) == points[-1]


def test_ids_are_those_that_are_used_and_each_pictures_own(svgs: list[str]) -> None:
    for place, svg in enumerate(svgs, start=1):
        defined = [value for name, value in Counter(svg).attributes if name == "id"]
        used = re.findall(r'(?:url\(#|href="#)([^")]+)', svg)
        assert sorted(defined) == sorted(set(used))
        assert all(each.startswith(f"p{place}-") for each in defined)
    # But for those, two pictures of the same are the same.
    assert svgs[0] == svgs[1].replace("p2-", "p1-")


def test_each_style_is_said_once_for_all_pictures(svgs: list[str], writer: SvgWriter) -> None:
    assert all(" style=" not in svg for svg in svgs)
    classes = {value for name, value in Counter(svgs[0]).attributes if name == "class"}
    rules = dict(re.findall(r"^figure \.(\w+) \{ (.*) \}$", writer.list_rules(), flags=re.MULTILINE))
    assert set(rules) == classes
    assert len(set(rules.values())) == len(rules)
    assert any("stroke: currentColor" in rule for rule in rules.values())
    # The first of all strokes is the ground, which is the page's.
    assert rules["s0"] == "fill: none"


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ('="M 1.005001 2\nL -0.001 3.999 \n"', '="M 1.01 2 L -0 4"'),
        ('="12.5 0.25 1200"', '="12.5 0.25 1200"'),
        ('="a: 1.250000"', '="a: 1.25"'),
    ],
)
def test_numbers_have_two_digits_at_most(value: str, short: str) -> None:
    assert _shorten(value) == short


def test_only_bare_groups_go() -> None:
    svg = '<svg><g><g clip-path="x"><g><path/></g></g><g><text>g</text></g></g></svg>'
    assert "".join(_leave_out_bare_groups(svg)) == '<svg><g clip-path="x"><path/></g><text>g</text></svg>'
