"""How a table in a text is written: what stands between its columns, and in its numbers."""

from __future__ import annotations

import csv
import re
from typing import Final, NamedTuple

_CELLS: Final = 60
"""Cells of a line that are inspected."""
# numbers with a decimal point, and with a decimal comma
POINT: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)
_COMMA: Final = re.compile(r"[-+]?(\d+(,\d+)?|,\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)
COMMENT: Final = re.compile(r"\s*(#|%|!|//|;\s+(?=[^\d\s])|;(?=[A-Za-z]))")
"""How a line of remarks begins."""
_MISSING: Final = ("", "-", "--", "---", "n/a", "na", "null", "none", "?", "nan", "#n/a")
"""What programs write into a cell without a value, in lower case."""


class Style(NamedTuple):
    """How a table is written."""

    delimiter: str | None
    """None: blanks."""
    decimal: str

    def cells(self, line: str) -> list[str]:
        """Return what stands in the columns of a line, without quotes and blanks."""
        if self.delimiter is None:
            return line.split()
        cells = line.split(self.delimiter)
        if '"' in line:
            reader = csv.reader([line], delimiter=self.delimiter)
            cells = next(reader)
        return [cell.strip() for cell in cells]

    def first_cells(self, line: str) -> list[str]:
        """Return the first cells of a line, which may have a million."""
        if '"' in line or self.delimiter is None:
            return self.cells(line)[:_CELLS]
        cells = line.split(self.delimiter, _CELLS)  # the last one has the remainder
        return [cell.strip() for cell in cells[:_CELLS]]

    def count(self, line: str) -> int:
        """Return the number of columns of a line."""
        if self.delimiter is None:
            return len(line.split())
        if '"' in line:
            return len(self.cells(line))
        return line.count(self.delimiter) + 1

    def number(self, cell: str) -> float | None:
        """Return the number in a cell, NaN where it is empty, None where it is no number."""
        if cell.lower() in _MISSING:
            return float("nan")
        if not self.number_pattern.fullmatch(cell):
            return None
        return float(cell.replace(",", "."))

    @property
    def number_pattern(self) -> re.Pattern[str]:
        """Return the pattern of a number in this style."""
        return POINT if self.decimal == "." else _COMMA


STYLES: Final = (
    Style("\t", "."),
    Style(";", "."),
    Style(",", "."),
    Style(None, "."),
    Style("\t", ","),
    Style(";", ","),
    Style(None, ","),
)


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with a decimal point or comma."""
    return bool(POINT.fullmatch(cell) or _COMMA.fullmatch(cell))


class Layout(NamedTuple):
    """What all rows of a table have in common."""

    style: Style
    columns: int
    names_first: bool
    """Whether most rows begin with a name instead of a number."""
