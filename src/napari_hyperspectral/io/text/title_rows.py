"""The titles right above a table in a text, a cell for each of its columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from .style import COMMENT, POINT, Layout, is_number

_MAX_TITLE_LINES: Final = 6
"""Lines above a table that may be its titles."""


def titles_above(above: Sequence[str], layout: Layout) -> list[list[str]]:
    """Return the cells of the titles right above a table, top first."""
    titles: list[list[str]] = []
    filled = [line for line in above[-_MAX_TITLE_LINES:] if line.strip()]
    for line in reversed(filled):
        comment = COMMENT.match(line)
        text = line[comment.end() :] if comment else line
        cells = _title_cells(text, layout)
        if cells is None:
            continue
        if _is_setting(cells):
            break
        cells = [cell.lstrip("#").strip() for cell in cells]
        titles.insert(0, cells)
    return titles


def _is_setting(cells: Sequence[str]) -> bool:
    """Whether it is a line such as "Laser; 532" that stands above a table of two columns."""
    if len(cells) != 2:
        return False
    name, value = cells
    return bool(value) and is_number(value) and not is_number(name)


def _title_cells(line: str, layout: Layout) -> list[str] | None:
    """Return a cell for each column, or None where a line cannot be the titles of the table."""
    style, columns, _ = layout
    candidates = [style.cells(line)]
    if style.delimiter is None:  # titles of several words, above numbers between blanks
        parts = re.split(r"\t|\s{2,}|[,;]", line.strip())
        candidates.append([cell.strip() for cell in parts])
    for cells in candidates:
        if len(cells) == columns + 1 and not cells[-1]:
            cells = cells[:-1]  # a delimiter at the end of the line
        if len(cells) == columns:
            return cells
        missing = columns - len(cells)
        if missing not in (1, 2) or len(cells) <= 2:
            continue
        if all(map(POINT.fullmatch, cells)):
            return [*[""] * missing, *cells]  # bands, and no title above the positions
    return None
