"""Drawing a picture into a PNG file, or as SVG that follows the colours of the page around it."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from html import escape
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .base import Inches, Picture
from .colours import BASELINE, INK, MODEL, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

THEME: Final = {
    INK: "var(--ink)",
    MODEL: "var(--model)",
    BASELINE: "var(--baseline)",
    MUTED: "var(--muted)",
}
"""Variable of a page's style sheet for each colour that differs between light and dark pages."""

_STYLE: Final[dict[RcKeyType, object]] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "figure.titlesize": 11.0,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.alpha": 0.25,
    "grid.color": MUTED,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.2,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    # texts stay texts: they can be searched, and are a tenth of the size of outlines
    "svg.fonttype": "none",
}


def write_png(
    picture: Picture, path: Path, *, inches: Inches | None = None, dpi: int = 120
) -> None:
    """Draw a picture on white into a PNG file."""
    with _style(""):
        figure = _empty_figure(inches or picture.inches)
        picture.draw(figure)
        figure.suptitle(picture.title)
        figure.savefig(path, dpi=dpi, bbox_inches="tight", facecolor="white", format="png")


def svg_of(picture: Picture, name: str) -> str:
    """Return a picture as an SVG element for a page; equal pictures and names give equal text.

    Parameters
    ----------
    picture : Picture
        What is drawn, on the colour of the page.
    name : str
        Another one for each picture of a page: clip paths are named after it.
    """
    text = StringIO()
    with _style(name):
        figure = _empty_figure(picture.inches)
        picture.draw(figure)
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return _for_a_page(text.getvalue(), picture, name)


def _for_a_page(svg: str, picture: Picture, name: str) -> str:
    """Return a file of SVG as an element of a page, with words for those who do not see it."""
    start = svg.index("<svg")
    body = svg[svg.index(">", start) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = _with_own_names(body, name)
    # the fonts of the page
    body = re.sub(r"font-family: [^;\"]*", "font-family: var(--font)", body)
    for colour, variable in THEME.items():
        body = body.replace(colour, variable)
    width, height = (72 * side for side in picture.inches)
    return (
        f'<svg role="img" aria-label="{escape(picture.alt)}" '
        f'viewBox="0 0 {width:g} {height:g}" style="max-width:{1.25 * width:.0f}px">{body}'
    )


def _with_own_names(body: str, name: str) -> str:
    """Return SVG whose parts are named after their picture; what nothing refers to has no name."""
    referred = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', body))

    def renamed(match: re.Match[str]) -> str:
        before, part = match.groups()
        if before == ' id="' and part not in referred:
            return ""
        closing = '"' if '"' in before else ""
        return f"{before}{name}-{part}{closing}"

    return re.sub(r'( id="|url\(#|href="#)([^)"]+)"?', renamed, body)


@contextmanager
def _style(salt: str) -> Generator[None, None, None]:
    """Let figures look as those of reports do, for as long as they are drawn."""
    from matplotlib import rc_context

    with rc_context({**_STYLE, "svg.hashsalt": salt}):
        yield


def _empty_figure(inches: Inches) -> Figure:
    """Return a figure without pyplot: no screen, and no list that keeps it."""
    from matplotlib.figure import Figure

    return Figure(figsize=inches, layout="constrained")
