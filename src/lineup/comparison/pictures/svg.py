"""Pictures as part of an HTML page."""

import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure

from lineup.comparison.pictures.style import INK, STYLE

SVG_ID = re.compile(r' id="([^"]*)"')
SVG_USE = re.compile(r'(url\(#|href="#)([^")]+)')


def format_svg(figure: Figure, name: str) -> str:
    """An SVG element for an HTML page: no background, ink in the colour of the text around it.

    name: what its ids begin with. Those of other pictures on the page begin otherwise.
    """
    text = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return _name_ids(svg[svg.index("<svg") :].replace(INK, "currentColor"), name)


def _name_ids(svg: str, name: str) -> str:
    """Put `name` before each id; those that nothing in the picture refers to, nearly all, go."""
    used = {place for _, place in SVG_USE.findall(svg)}
    svg = SVG_ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    return SVG_USE.sub(rf"\1{name}-\2", svg)
