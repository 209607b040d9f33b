"""Pictures as part of an HTML page."""

import io
import re
from collections.abc import Iterator

import matplotlib as mpl
from matplotlib.figure import Figure

from lineup.comparison.pictures.style import INK, STYLE

# What a browser does without, inside a page: descriptions, names of XML's vocabularies, turns by nothing.
NEEDLESS = re.compile(r'<metadata>.*?</metadata>| xmlns(:\w+)?="[^"]*"| transform="rotate\(-?0 [^"]*"', re.DOTALL)
DEFINED = re.compile(r' id="([^"]*)"')
USED = re.compile(r'(url\(#|href="#)([^")]+)')
STYLED = re.compile(r' style="([^"]*)"')
VALUE = re.compile(r'="[^"]*"')
PRECISE = re.compile(r"-?\d+\.\d{3,}")  # of points, a thousandth of which nobody sees
GROUP = re.compile(r"(<g\b[^>]*>|</g>)")
EVERYTHING = re.compile(r'<style type="text/css">\*\{([^}]*)\}</style>')


def format_svg(figure: Figure, name: str) -> str:
    """An SVG element for an HTML page: no background, ink in the colour of the text around it.

    name: what its ids begin with. Those of other pictures on the page begin otherwise.
    """
    text = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = NEEDLESS.sub("", svg[svg.index("<svg") :].replace(INK, "currentColor").replace("xlink:", ""))
    svg = re.sub(r">\s+<", "><", VALUE.sub(lambda found: _shorten(found[0]), svg)).strip()
    return _name_styles("".join(_leave_out_bare_groups(_name_ids(svg, name))), name)


def _shorten(value: str) -> str:
    """An attribute's value with at most two digits after each point, and on one line."""
    rounded = PRECISE.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
    return " ".join(rounded.split()).replace(' "', '"')


def _leave_out_bare_groups(svg: str) -> Iterator[str]:
    """The parts of `svg` without those groups that say nothing of what is in them."""
    kept: list[bool] = []
    for part in GROUP.split(svg):
        if part.startswith("<g"):
            kept.append(part != "<g>")
        if not GROUP.fullmatch(part) or kept[-1]:
            yield part
        if part == "</g>":
            kept.pop()


def _name_ids(svg: str, name: str) -> str:
    """Number the ids, `name` before each; those that nothing in the picture refers to, nearly all, go."""
    places = dict.fromkeys(place for _, place in USED.findall(svg))
    names = {place: f"{name}-{number}" for number, place in enumerate(places)}
    svg = DEFINED.sub(lambda found: f' id="{names[found[1]]}"' if found[1] in names else "", svg)
    return USED.sub(lambda found: f"{found[1]}{names[found[2]]}", svg)


def _name_styles(svg: str, name: str) -> str:
    """Say each style once, in rules for this picture alone: matplotlib says it at every stroke."""
    styles = {style: f"s{number}" for number, style in enumerate(dict.fromkeys(STYLED.findall(svg)))}
    svg = STYLED.sub(lambda found: f' class="{styles[found[1]]}"', svg)
    rules = "".join(f"#{name}-svg .{short}{{{style}}}" for style, short in styles.items())
    svg = EVERYTHING.sub(lambda found: f"<style>#{name}-svg *{{{found[1]}}}{rules}</style>", svg, count=1)
    return svg.replace("<svg", f'<svg id="{name}-svg"', 1)
