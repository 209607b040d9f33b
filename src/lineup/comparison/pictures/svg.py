"""Pictures as parts of an HTML page."""

import io
import re
from collections.abc import Iterator

import matplotlib as mpl
from matplotlib.figure import Figure

from lineup.comparison.pictures.style import INK, STYLE

# What a browser does without inside a page: descriptions, names of XML's vocabularies, turns by nothing, and
# a rule for all strokes, which stands in the page.
NEEDLESS = re.compile(
    r'<metadata>.*?</metadata>|<style.*?</style>| xmlns(:\w+)?="[^"]*"| transform="rotate\(-?0 [^"]*"',
    re.DOTALL,
)
DEFINED = re.compile(r' id="([^"]*)"')
USED = re.compile(r'(url\(#|href="#)([^")]+)')
STYLED = re.compile(r' style="([^"]*)"')
VALUE = re.compile(r'="[^"]*"')
PRECISE = re.compile(r"-?\d+\.\d{3,}")  # of points, a hundredth of which nobody sees
GROUP = re.compile(r"(<g\b[^>]*>|</g>)")


class SvgWriter:
    """Writes the pictures of one page as short as they can be.

    styles: {style: class}; what matplotlib says at every stroke is said once a page, by rules for classes.
    """

    def __init__(self) -> None:
        self.styles: dict[str, str] = {}
        self.pictures = 0

    def write(self, figure: Figure) -> str:
        """An SVG element for the page: no background, ink in the colour of the text around it."""
        text = io.StringIO()
        with mpl.rc_context(STYLE):
            figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        svg = text.getvalue()
        svg = svg[svg.index("<svg") :].replace(INK, "currentColor").replace("xlink:href", "href")
        svg = VALUE.sub(lambda found: _shorten(found[0]), NEEDLESS.sub("", svg))
        self.pictures += 1
        svg = _number_ids(re.sub(r">\s+<", "><", svg).strip(), f"p{self.pictures}")
        svg = STYLED.sub(lambda found: f' class="{self._name_style(found[1])}"', svg)
        return "".join(_leave_out_bare_groups(svg))

    def list_rules(self) -> str:
        """The rules of CSS that the pictures so far need."""
        return "\n".join(f"figure .{name} {{ {style} }}" for style, name in self.styles.items())

    def _name_style(self, style: str) -> str:
        return self.styles.setdefault(style, f"s{len(self.styles)}")


def _shorten(value: str) -> str:
    """An attribute's value on one line, with at most two digits after each point."""
    rounded = PRECISE.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
    return " ".join(rounded.split()).replace(' "', '"')


def _number_ids(svg: str, prefix: str) -> str:
    """Number the ids after `prefix`; those that nothing in the picture refers to, nearly all, go."""
    places = dict.fromkeys(place for _, place in USED.findall(svg))
    names = {place: f"{prefix}-{number}" for number, place in enumerate(places)}
    svg = DEFINED.sub(lambda found: f' id="{names[found[1]]}"' if found[1] in names else "", svg)
    return USED.sub(lambda found: f"{found[1]}{names[found[2]]}", svg)


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
