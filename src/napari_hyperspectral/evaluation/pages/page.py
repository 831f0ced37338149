"""A report written as HTML: heading, tables, notes, and pictures inside the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Final

from ..pictures.base import Picture
from ..pictures.rendering import svg_of
from .style import STYLE

if TYPE_CHECKING:
    from ..reports import Report, Table

# nothing is loaded from anywhere, and nothing runs: a page can be opened wherever it comes from
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_ARROWS: Final = {"lower": "↓", "higher": "↑"}
_HINT: Final = (
    "↓ lower is better, ↑ higher is better; the best of rows that are compared is shaded."
)


def page_of(report: Report) -> str:
    """Return a report as a page; equal reports give equal pages."""
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(report.title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{escape(report.title)}</h1>",
        *_facts(report.about),
        *_tables(report),
        *_notes(report),
        *_pictures(report),
        "<footer>Written by napari-hyperspectral. The same figures are in report.json.</footer>",
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _facts(about: Mapping[str, str]) -> Iterator[str]:
    """Yield what was evaluated on what, title by title."""
    if not about:
        return
    yield "<dl>"
    for title, text in about.items():
        yield f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>"
    yield "</dl>"


def _tables(report: Report) -> Iterator[str]:
    """Yield the tables, each under its title."""
    for table in report.tables:
        yield f"<h2>{escape(table.title)}</h2>"
        yield from _table(table)
        if table.better:
            yield f'<p class="hint">{_HINT}</p>'


def _table(table: Table) -> Iterator[str]:
    """Yield a table: texts on the left, numbers on the right."""
    columns = table.columns
    # as in the terminal: a column in which a text is found holds texts
    kinds = {}
    for heading in columns:
        texts = any(isinstance(row.get(heading), str) for row in table.rows)
        kinds[heading] = "" if texts else "number"
    # a table that is wider than the screen is scrolled, with the keyboard as well
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{escape(table.title)}">'
    yield "<table>"
    yield "<thead><tr>"
    for heading in columns:
        arrow = _ARROWS.get(table.better.get(heading, ""), "")
        title = f"{escape(heading)} {arrow}".rstrip()
        yield f'<th scope="col" class="{kinds[heading]}">{title}</th>'
    yield "</tr></thead>"
    yield "<tbody>"
    best = table.best
    group = None
    for number, cells in enumerate(table.cells):
        row_group = [table.rows[number].get(heading) for heading in table.compared_within]
        first = number > 0 and row_group != group
        group = row_group
        yield '<tr class="first">' if first else "<tr>"
        for heading, cell in zip(columns, cells, strict=True):
            classes = kinds[heading]
            if (number, heading) in best:
                classes += " best"
            yield f'<td class="{classes.strip()}">{escape(cell)}</td>'
        yield "</tr>"
    yield "</tbody></table></div>"


def _notes(report: Report) -> Iterator[str]:
    """Yield what the figures mean, and what they do not."""
    if not report.notes:
        return
    yield "<h2>How to read it</h2>"
    yield "<ul>"
    for note in report.notes:
        yield f"<li>{escape(note)}</li>"
    yield "</ul>"


def _pictures(report: Report) -> Iterator[str]:
    """Yield the pictures, each with its title and how to read it."""
    if not report.images:
        return
    yield "<h2>Pictures</h2>"
    for number, picture in enumerate(report.images, start=1):
        yield "<figure>"
        yield f"<figcaption>{_caption(picture)}</figcaption>"
        yield svg_of(picture, name=f"picture{number}")
        yield "</figure>"


def _caption(picture: Picture) -> str:
    title = f"<strong>{escape(picture.title)}</strong>"
    if not picture.caption:
        return title
    return f"{title}<p>{escape(picture.caption)}</p>"
