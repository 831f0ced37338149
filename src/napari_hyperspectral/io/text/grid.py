"""The table in a text: what parts its columns, where it begins, its titles, its numbers.

Instruments and people write tables in many ways: with tabs, commas, semicolons or blanks, with
decimal commas, below a page of settings, above one, with notes between. The longest run of lines
with the same number of columns that begin with numbers is the table.
"""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..source import Source

_SAMPLE: Final = 400
"""Lines that are looked at to find what parts the columns."""
_CELLS: Final = 60
"""Cells of each that are looked at."""
_BLOCK: Final = 2**23
"""Characters that are parsed at a time."""
_MOST_NOTES: Final = 1000
_LONGEST: Final = 1000
"""Characters of a note; what is longer is a row of titles."""
_LINES: Final = 2**18
"""Lines that are looked at between two words of how far it is."""
_MOST_PROSE: Final = 20
"""Where there are more lines than this for each one of a table, it is a text with numbers in it."""
_ABOVE: Final = 6
"""Lines above a table that may be its titles."""
_COMMENT: Final = re.compile(r"\s*(#|%|!|//|;\s+(?=[^\d\s])|;(?=[A-Za-z]))")
_POINT: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)
_COMMA: Final = re.compile(r"[-+]?(\d+(,\d+)?|,\d+)([eE][-+]?\d+)?|[-+]?(nan|inf)", re.IGNORECASE)
_MISSING: Final = ("", "-", "--", "---", "n/a", "na", "null", "none", "?", "nan", "#n/a")
_EXPORT: Final = "export it again as a table of numbers"


class Style(NamedTuple):
    """How a table is written."""

    delimiter: str | None
    """None: blanks."""
    decimal: str

    def cells(self, line: str) -> list[str]:
        """Return what stands in the columns of a line, without quotes and blanks."""
        if self.delimiter is None:
            return line.split()
        if '"' in line:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=self.delimiter))]
        return [cell.strip() for cell in line.split(self.delimiter)]

    def count(self, line: str) -> int:
        """Return the number of columns of a line."""
        if self.delimiter is None:
            return len(line.split())
        return len(self.cells(line)) if '"' in line else line.count(self.delimiter) + 1

    def number(self, cell: str) -> float | None:
        """Return the number in a cell, NaN where it is empty, None where it is no number."""
        if cell.lower() in _MISSING:
            return float("nan")
        if not (_POINT if self.decimal == "." else _COMMA).fullmatch(cell):
            return None
        return float(cell.replace(",", "."))


STYLES: Final = (
    *(Style(delimiter, ".") for delimiter in ("\t", ";", ",", None)),
    *(Style(delimiter, ",") for delimiter in ("\t", ";", None)),
)


@dataclass(frozen=True)
class Grid:
    """A table, and what stands around it."""

    titles: tuple[tuple[str, ...], ...]
    """Lines above it, each with a cell for each column."""
    numbers: NDArray[np.float64]
    """Shape (row, column); NaN where a cell is empty or a word."""
    words: Mapping[int, tuple[str, ...]]
    """Columns of words."""
    notes: tuple[str, ...]
    """All lines that are not in it."""
    style: Style


def read_grid(source: Source, text: str) -> Grid:
    """Return the table in a text.

    Raises
    ------
    FileFormatError
        If there is none, or its rows differ in length.
    """
    lines = text.splitlines()
    found = _style(lines)
    if found is None:
        raise FileFormatError(source.path, *_no_table(lines))
    style, columns, words_first = found
    rows, around = _body(source, lines, style, columns, words_first)
    numbers, words = _numbers(source, [lines[row] for row in rows], style, columns)
    titles = _titles(lines[: rows[0]], style, columns)
    notes = [line for place in around if 0 < len(line := lines[place].strip()) <= _LONGEST]
    kept = _used_columns(numbers, words)
    return Grid(
        tuple(tuple(title[place] for place in kept) for title in titles),
        numbers if len(kept) == columns else numbers[:, kept],
        {kept.index(place): tuple(column) for place, column in words.items()},
        tuple(notes[:_MOST_NOTES]),
        style,
    )


def _style(lines: Sequence[str]) -> tuple[Style, int, bool] | None:
    """Return the style in which most numbers are found, its columns, and if words come first."""
    middle = len(lines) // 2
    sample = [*lines[:_SAMPLE], *lines[max(_SAMPLE, middle) : middle + _SAMPLE // 4]]
    sample = [line for line in sample if line.strip() and not _COMMENT.match(line)]
    best: tuple[Style, int, bool] | None = None
    most = 0
    for style in STYLES:
        score, columns, words_first = _score(sample, style)
        if columns > 1 and score > most:
            best, most = (style, columns, words_first), score
    return best


def _score(sample: Sequence[str], style: Style) -> tuple[int, int, bool]:
    """Return how many more numbers than words the best run of equal lines has, and its columns."""
    best, run, firsts, before = (0, 0, False), 0, 0, 0
    length = 0
    for line in sample:
        columns = style.count(line)
        cells = _some(style, line)
        found = [style.number(cell) is not None for cell in cells]
        filled = [is_number for cell, is_number in zip(cells, found, strict=True) if cell]
        if columns != before:
            run, firsts, length, before = 0, 0, 0, columns
        if any(filled):
            run += 2 * sum(filled) - len(filled)
            firsts, length = firsts + found[0], length + 1
            if run > best[0]:
                best = (run, columns, 2 * firsts < length)
    return best


def _some(style: Style, line: str) -> list[str]:
    """Return the first cells of a line; it may have a million."""
    if '"' in line or style.delimiter is None:
        return style.cells(line)[:_CELLS]
    return [cell.strip() for cell in line.split(style.delimiter, _CELLS)[:_CELLS]]


def _no_table(lines: Sequence[str]) -> tuple[str, str]:
    plain = [line.strip() for line in lines if line.strip()]
    if not plain:
        return "it is empty", _EXPORT
    numbers = sum(map(_is_number, plain))
    if 2 * numbers > len(plain):
        return (
            f"one column of {numbers} numbers, which looks like an axis",
            "load it in the dock Axis, for a layer that lacks one",
        )
    return "no table of numbers in it", _EXPORT


_SKIP, _DATA, _PROSE, _RAGGED = range(4)


def _body(
    source: Source, lines: Sequence[str], style: Style, columns: int, words_first: bool
) -> tuple[list[int], list[int]]:
    """Return the places of the lines of the table, and of all others."""
    kinds = _kinds(source, lines, style, columns, words_first)
    places = np.flatnonzero(kinds != _SKIP)
    is_data = np.concatenate([[False], kinds[places] == _DATA, [False]])
    edges = np.flatnonzero(np.diff(is_data.astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        raise FileFormatError(source.path, "no table of numbers in it", _EXPORT)
    longest = int(np.argmax(ends - starts))
    rows = places[starts[longest] : ends[longest]]
    if len(rows) * _MOST_PROSE < len(places):
        raise FileFormatError(source.path, "no table of numbers in it", _EXPORT)
    after = places[ends[longest]] if ends[longest] < len(places) else None
    if after is not None and kinds[after] == _RAGGED:
        raise FileFormatError(
            source.path,
            f"line {after + 1} has {style.count(lines[after])} columns, those above {columns}",
            "export it again: it was cut short, or edited",
        )
    others = sorted(ends - starts)[:-1]
    if others and others[-1] > max(1, 0.1 * len(rows)):
        warnings.warn(
            f"{source.path.name}: {len(starts)} tables, of which the longest is read", stacklevel=2
        )
    inside = np.zeros(len(lines), bool)
    inside[rows] = True
    return rows.tolist(), np.flatnonzero(~inside).tolist()


def _kinds(
    source: Source, lines: Sequence[str], style: Style, columns: int, words_first: bool
) -> NDArray[np.uint8]:
    """Return for each line whether it is data, too short or long for it, prose, or nothing."""
    ends = r"\s|$" if style.delimiter is None else rf"\s*({re.escape(style.delimiter)}|$)"
    number = (_POINT if style.decimal == "." else _COMMA).pattern
    begins = re.compile(rf'\s*"?({number})"?({ends})', re.IGNORECASE).match
    empty = style.delimiter or "\n"

    def kind(line: str) -> int:
        if not line or line.isspace() or _COMMENT.match(line):
            return _SKIP
        fits = style.count(line) == columns
        if begins(line):
            return _DATA if fits else _RAGGED
        if not fits or not (words_first or line.lstrip(" ").startswith(empty)):
            return _PROSE
        # a name or nothing, then numbers
        numeric = [style.number(cell) for cell in style.cells(line)[1:] if cell]
        return _DATA if 2 * sum(n is not None for n in numeric) > len(numeric) else _PROSE

    kinds = np.empty(len(lines), np.uint8)
    for start in range(0, len(lines), _LINES):
        source.tell(start, 2 * len(lines))
        some = lines[start : start + _LINES]
        kinds[start : start + _LINES] = [kind(line) for line in some]
    return kinds


def _titles(above: Sequence[str], style: Style, columns: int) -> list[list[str]]:
    """Return the cells of the titles right above a table, top first."""
    titles: list[list[str]] = []
    filled = [line for line in above[-_ABOVE:] if line.strip()]
    for line in reversed(filled):
        mark = _COMMENT.match(line)
        cells = _title(line[mark.end() :] if mark else line, style, columns)
        if cells is not None and _is_setting(cells):
            break
        if cells is not None:
            titles.insert(0, [cell.lstrip("#").strip() for cell in cells])
    return titles


def _is_setting(cells: Sequence[str]) -> bool:
    """Whether it is a line such as "Laser; 532" that stands above a table of two columns."""
    first, *rest = cells
    return len(rest) == 1 and bool(rest[0]) and _is_number(rest[0]) and not _is_number(first)


def _is_number(cell: str) -> bool:
    return bool(_POINT.fullmatch(cell) or _COMMA.fullmatch(cell))


def _title(line: str, style: Style, columns: int) -> list[str] | None:
    tries = [style.cells(line)]
    if style.delimiter is None:
        tries.append([cell.strip() for cell in re.split(r"\t|\s{2,}|[,;]", line.strip())])
    for cells in tries:
        trimmed = cells[: len(cells) - (len(cells) == columns + 1 and not cells[-1])]
        if len(trimmed) == columns:
            return trimmed
        lead = columns - len(trimmed)
        if lead in (1, 2) and len(trimmed) > 2 and all(map(_POINT.fullmatch, trimmed)):
            return [*[""] * lead, *trimmed]  # bands above, without a sign for the positions
    return None


def _numbers(
    source: Source, rows: Sequence[str], style: Style, columns: int
) -> tuple[NDArray[np.float64], dict[int, list[str]]]:
    step = max(1, _BLOCK // max(1, len(rows[0])))
    numbers = np.empty((len(rows), columns))
    words: dict[int, list[str]] = {}
    for start in range(0, len(rows), step):
        source.tell(len(rows) + start, 2 * len(rows))  # half of the work was to find them
        some = rows[start : start + step]
        try:
            numbers[start : start + step] = _plain(some, style)
        except ValueError:  # a word, or an empty cell: looked at one by one
            numbers[start : start + step] = _odd(source.path, some, style, columns, start, words)
    for column in words.values():
        column += [""] * (len(rows) - len(column))
    return numbers, words


def _plain(rows: Sequence[str], style: Style) -> NDArray[np.float64]:
    ended = style.delimiter is not None and all(row.endswith(style.delimiter) for row in rows)
    if ended:
        rows = [row[:-1] for row in rows]
    if style.decimal == ",":
        rows = [row.replace(",", ".") for row in rows]
    numbers = np.loadtxt(
        rows, dtype=np.float64, delimiter=style.delimiter, comments=None, quotechar='"', ndmin=2
    )
    return np.pad(numbers, ((0, 0), (0, 1)), constant_values=np.nan) if ended else numbers


def _odd(
    path: Path,
    rows: Sequence[str],
    style: Style,
    columns: int,
    start: int,
    words: dict[int, list[str]],
) -> NDArray[np.float64]:
    """Return numbers among which there are empty cells and columns of words, which are kept."""
    numbers = np.full((len(rows), columns), np.nan)
    table = [style.cells(row) for row in rows]
    for place, column in enumerate(zip(*table, strict=True)):
        found = [style.number(cell) for cell in column]
        wrong = [cell for cell, number in zip(column, found, strict=True) if number is None]
        if place in words or 2 * len(wrong) > len(column):
            known = words.setdefault(place, [])
            known += [""] * (start - len(known)) + list(column)
        elif wrong:
            raise FileFormatError(
                path, f"{wrong[0]!r} among the numbers of column {place + 1}", _EXPORT
            )
        else:
            numbers[:, place] = np.array(found, np.float64)
    return numbers


def _used_columns(numbers: NDArray[np.float64], words: Mapping[int, object]) -> list[int]:
    """Return the columns in which something stands: a delimiter at the end makes one more."""
    last = numbers.shape[1] - 1
    while last > 0 and last not in words and np.isnan(numbers[:, last]).all():
        last -= 1
    return list(range(last + 1))
