"""The report in a browser: what only a browser can tell."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, Tab, browsing, find_browser, visiting

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
OPEN_ALL = 'for (const each of document.querySelectorAll("details")) each.open = true'
CONTRAST = 4.5  # what WCAG asks of text
PAPER = {"width": 1045, "height": 718, "deviceScaleFactor": 1, "mobile": False}  # A4, less its margins
INK = ("body", "p", "td", "th", "nav a", ".quiet", ".good", ".bad", "figure svg text")


@pytest.fixture(scope="module", params=["report.html", "full_report.html"])
def page(compared: Path, request: pytest.FixtureRequest) -> Path:
    """The report without pictures of runs, and with them."""
    path: Path = compared / "plots" / request.param
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome in PATH")
    with browsing(program) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, page: Path) -> Iterator[Tab]:
    with visiting(browser, page) as tab:
        yield tab


def sort(tab: Tab, table: str, heading: str, key: str = "") -> tuple[str, list[str]]:
    """Click a heading, or press a key on it: what the table says of its order, and the column."""
    tab.run(f"""
        table = document.querySelector({table!r});
        heads = [...table.tHead.rows[0].cells];
        column = heads.findIndex(head => head.textContent === {heading!r});
        button = heads[column].querySelector("button");
        {"button.focus()" if key else "button.click()"}
    """)
    if key:
        tab.call(
            "Input.dispatchKeyEvent", type="keyDown", key=key, code=key, text="\r", windowsVirtualKeyCode=13
        )
        tab.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=13)
    sorts: list[str] = tab.run('heads.map(head => head.getAttribute("aria-sort")).filter(Boolean)')
    assert len(sorts) == 1
    return sorts[0], tab.run("[...table.tBodies[0].rows].map(row => row.cells[column].textContent)")


def test_page_asks_for_nothing_and_has_no_errors(tab: Tab, page: Path) -> None:
    tab.run(OPEN_ALL)
    shown = "[...document.images].map(image => image.decode().then(() => image.naturalWidth))"
    assert all(tab.run(f"Promise.all({shown})"))
    asked = [each["request"]["url"] for each in tab.told("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    assert tab.told("Runtime.exceptionThrown") == tab.told("Log.entryAdded") == []


def test_ids_are_unique(tab: Tab) -> None:
    ids = tab.run('[...document.querySelectorAll("[id]")].map(each => each.id)')
    assert len(ids) == len(set(ids))
    # A curve is cut off at its own axes.
    clips = tab.run("""[...document.querySelectorAll("[clip-path]")].map(each => {
        const clip = document.querySelector(each.getAttribute("clip-path").slice(4, -1));
        return clip?.closest("svg") === each.closest("svg");
    })""")
    assert clips
    assert all(clips)


def read(figure: str) -> float:
    return float(figure.replace(",", ""))


def test_a_click_sorts_numbers_largest_first(tab: Tab) -> None:
    direction, cells = sort(tab, "table", "test")
    assert (direction, cells) == ("descending", sorted(cells, reverse=True))
    assert cells[0] == "0.8860"
    assert sort(tab, "table", "test") == ("ascending", cells[::-1])
    # What has no figure comes last both ways, and `not run yet` is none.
    _, cells = sort(tab, "#claims ~ details table", "ours")
    figures = [cell for cell in cells if cell[:1].isdigit()]
    assert figures == sorted(figures, key=read, reverse=True) == cells[: len(figures)]
    assert sort(tab, "#claims ~ details table", "ours")[1][: len(figures)] == figures[::-1]
    assert "not run yet" in cells


def test_a_click_sorts_texts_as_people_count(tab: Tab) -> None:
    direction, rows = sort(tab, "#claims ~ details table", "row")
    assert direction == "ascending"
    assert rows.index("B2") < rows.index("B10") < rows.index("C1")
    # Runs without a row of a report are last both ways.
    assert sort(tab, "table", "Row") == ("ascending", ["B1", "D3", "D3", "E1", ""])
    assert sort(tab, "table", "Row") == ("descending", ["E1", "D3", "D3", "B1", ""])


def test_confusions_say_their_share_of_a_class(tab: Tab) -> None:
    cells = tab.run("""[...document.querySelector(".matrix").tBodies[0].rows[9].cells].map(cell => [
        cell.textContent, cell.title, getComputedStyle(cell).backgroundColor
    ])""")
    counts = [int(text) for text, _, _ in cells[1:]]
    assert cells[0][0] == "truck"
    assert [title for _, title, _ in cells[1:]] == [
        f"{count / sum(counts):.1%} of truck".replace("%", " %") for count in counts
    ]
    # The more, the deeper: from nothing to the colour of the right answers.
    depths = [float(color.rstrip(")").split(",")[3]) for _, _, color in cells[1:]]
    assert depths == pytest.approx([count / sum(counts) for count in counts], abs=0.003)


def test_a_key_sorts(tab: Tab) -> None:
    assert sort(tab, "table", "Rank", key="Enter") == ("descending", ["5", "4", "2", "2", "1"])


def test_a_phone_shows_the_page_without_scrolling_sideways(tab: Tab) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", **PHONE)
    tab.run(OPEN_ALL)
    assert tab.run("[document.documentElement.clientWidth, document.documentElement.scrollWidth]") == [
        390,
        390,
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(tab: Tab, scheme: str) -> None:
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    ground = measure_light(tab.run("getComputedStyle(document.body).backgroundColor"))
    assert (ground < 0.05) == (scheme == "dark")
    for selector in INK:
        style = f"getComputedStyle(document.querySelector({selector!r}))"
        ink = measure_light(tab.run(f"{style}.{'fill' if 'svg' in selector else 'color'}"))
        lower, higher = sorted((ink, ground))
        assert (higher + 0.05) / (lower + 0.05) > CONTRAST, f"{selector} is hard to read when {scheme}"


def test_print_shows_what_is_closed(tab: Tab) -> None:
    before: list[bool] = tab.run('[...document.querySelectorAll("details")].map(each => each.open)')
    assert not all(before)
    pdf = base64.b64decode(tab.call("Page.printToPDF", printBackground=False)["data"])
    assert pdf.count(b"/Subtype /Image") == tab.run("document.images.length")
    assert tab.run('[...document.querySelectorAll("details")].map(each => each.open)') == before


def test_tables_fit_on_paper(tab: Tab) -> None:
    tab.run(OPEN_ALL)
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.call("Emulation.setDeviceMetricsOverride", **PAPER)
    wide = "[...document.querySelectorAll('.wide')].filter(each => each.scrollWidth > each.clientWidth)"
    assert tab.run(f"{wide}.map(each => each.textContent.slice(0, 80))") == []


def measure_light(color: str) -> float:
    """The relative luminance of an `rgb(…)`, as WCAG has it."""
    shares = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * light for weight, light in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
