"""The table in a text: its delimiter, where it begins, its titles, its numbers.

Instruments and people write tables in many ways: with tabs, commas, semicolons or blanks, with
decimal commas, below a page of settings, above one, with notes between. The longest run of lines
with the same number of columns that begin with numbers is the table.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from ...metrics.values import Floats
from ..source import Source
from .style import COMMENT, STYLES, Layout, Style, is_number
from .title_rows import titles_above

_Flags: TypeAlias = NDArray[np.bool_]
"""Whether something holds for each line, shape (line,)."""
_Lines: TypeAlias = NDArray[np.intp]
"""Numbers of lines, from 0."""

_SAMPLE: Final = 400
"""Lines that are inspected to find the delimiter."""
_BLOCK: Final = 2**23
"""Characters that are parsed at a time."""
_MAX_NOTES: Final = 1000
_MAX_NOTE_LENGTH: Final = 1000
"""Characters of a note; what is longer is a row of titles."""
_LINES_PER_REPORT: Final = 2**18
"""Lines that are classified between two reports of progress."""
_MAX_PROSE: Final = 20
"""Where there are more lines than this for each one of a table, it is a text with numbers in it."""
_FEWEST_IN_FRAME: Final = 3
"""Rows of the frames of a series; fewer may be equal by chance."""
_EXPORT: Final = "export it again as a table of numbers"


@dataclass(frozen=True)
class Grid:
    """A table, and what stands around it."""

    titles: tuple[tuple[str, ...], ...]
    """Lines above it, each with a cell for each column."""
    numbers: Floats
    """Shape (row, column); NaN where a cell is empty or a word."""
    words: Mapping[int, tuple[str, ...]]
    """Columns of words."""
    notes: tuple[str, ...]
    """All lines that are not in it."""
    style: Style

    @property
    def columns(self) -> int:
        """Return the number of columns."""
        return int(self.numbers.shape[1])

    @property
    def title_row(self) -> tuple[str, ...]:
        """Return the title of each column right above it; empty texts where there are none."""
        if self.titles:
            return self.titles[-1]
        return ("",) * self.columns

    @property
    def numeric_columns(self) -> list[int]:
        """Return the columns that hold numbers."""
        columns = range(self.columns)
        return [column for column in columns if column not in self.words]


def read_grid(source: Source, text: str) -> Grid:
    """Return the table in a text.

    Raises
    ------
    FileFormatError
        If there is none, or its rows differ in length.
    """
    lines = text.splitlines()
    layout = _layout(lines)
    if layout is None:
        raise FileFormatError(source.path, *_no_table(lines))
    in_table = _table_lines(source, lines, layout)
    rows = np.flatnonzero(in_table)
    table = [lines[row] for row in rows]
    numbers, words = _numbers(source, table, layout)
    _tell_of_last_row(source.path, numbers)
    above = lines[: rows[0]]
    used = _last_used_column(numbers, words) + 1
    return Grid(
        titles=tuple(tuple(cells[:used]) for cells in titles_above(above, layout)),
        numbers=numbers[:, :used],
        words={column: tuple(cells) for column, cells in words.items()},
        notes=_notes(lines, in_table),
        style=layout.style,
    )


# ------------------------------------------------------------------------------------- layout


def _layout(lines: Sequence[str]) -> Layout | None:
    """Return the layout in which most numbers can be read, or None where there are none."""
    half = len(lines) // 2
    middle = max(_SAMPLE, half)  # the first lines may all be settings
    sample = []
    for line in (*lines[:_SAMPLE], *lines[middle : half + _SAMPLE // 4]):
        if line.strip() and not COMMENT.match(line):
            sample.append(line)
    best: Layout | None = None
    best_score = 0
    for style in STYLES:
        score, layout = _score(sample, style)
        if layout.columns > 1 and score > best_score:
            best = layout
            best_score = score
    return best


def _score(sample: Sequence[str], style: Style) -> tuple[int, Layout]:
    """Return how many more numbers than words the best run of equal lines has, and its layout."""
    best_score = 0
    best = Layout(style, 0, names_first=False)
    columns_before = 0
    score = lines = numbers_first = 0  # of the run so far
    for line in sample:
        columns = style.count(line)
        if columns != columns_before:
            score = lines = numbers_first = 0
            columns_before = columns
        cells = style.first_cells(line)
        numbers = sum(_is_filled_with_number(cell, style) for cell in cells)
        if not numbers:
            continue
        words = sum(map(bool, cells)) - numbers
        score += numbers - words
        lines += 1
        numbers_first += style.number(cells[0]) is not None
        if score > best_score:
            best_score = score
            names_first = 2 * numbers_first < lines
            best = Layout(style, columns, names_first)
    return best_score, best


def _is_filled_with_number(cell: str, style: Style) -> bool:
    return bool(cell) and style.number(cell) is not None


def _no_table(lines: Sequence[str]) -> tuple[str, str]:
    """Return what a text without a table is, and what to do."""
    filled = [line.strip() for line in lines if line.strip()]
    if not filled:
        return "it is empty", _EXPORT
    numbers = sum(map(is_number, filled))
    if 2 * numbers > len(filled):
        return (
            f"one column of {numbers} numbers, which looks like an axis",
            "load it in the dock Axis, for a layer that lacks one",
        )
    return "no table of numbers in it", _EXPORT


# --------------------------------------------------------------------------------------- lines


_SKIP, _DATA, _PROSE, _RAGGED, _CUT = range(5)
"""Kinds of lines: comments and blank ones, rows, texts, rows of another length, cut after a name."""


def _table_lines(
    source: Source,
    lines: Sequence[str],
    layout: Layout,
) -> _Flags:
    """Return whether each line is a row of the longest table, shape (line,)."""
    kinds = _kinds(source, lines, layout)
    filled = np.flatnonzero(kinds != _SKIP)  # comments do not interrupt a table
    starts, ends = _runs(kinds[filled] == _DATA)
    if not len(starts):
        raise FileFormatError(
            source.path,
            "no table of numbers in it",
            _EXPORT,
        )
    lengths = ends - starts
    longest = int(np.argmax(lengths))
    rows = filled[starts[longest] : ends[longest]]
    if len(rows) * _MAX_PROSE < len(filled):
        raise FileFormatError(
            source.path,
            "no table of numbers in it",
            _EXPORT,
        )
    _check_line_after(
        source.path,
        lines,
        kinds,
        filled[ends[longest] :],
        layout,
    )
    if _are_frames(lines, layout, [filled[a:b] for a, b in zip(starts, ends, strict=True)]):
        rows = filled[kinds[filled] == _DATA]
        lengths = lengths[:1]
        longest = 0
    else:
        _check_lines_before(source.path, lines, kinds, filled[: starts[longest]], layout)
    others = np.delete(lengths, longest)
    most = max(1, 0.1 * len(rows))  # a few numbers between texts are no table
    if others.max(initial=0) > most:
        warnings.warn(
            f"{source.path.name}: {len(starts)} tables, of which the longest is read",
            stacklevel=2,
        )
    in_table = np.zeros(len(lines), bool)
    in_table[rows] = True
    return in_table


def _are_frames(lines: Sequence[str], layout: Layout, runs: Sequence[_Lines]) -> bool:
    """Whether tables below one another, with notes between, have one axis in their first column."""
    if len(runs) < 2 or len(runs[0]) < _FEWEST_IN_FRAME or layout.names_first:
        return False
    columns = []
    for run in runs:
        cells = [layout.style.first_cells(lines[row])[0] for row in run]
        columns.append([layout.style.number(cell) for cell in cells])
    first = columns[0]
    if None in first or any(column != first for column in columns):
        return False
    steps = np.diff(np.array(first, np.float64))
    return bool((steps > 0).all() or (steps < 0).all())


def _runs(flags: _Flags) -> tuple[_Lines, _Lines]:
    """Return where each run of true flags begins, and where it has ended."""
    padded = np.pad(flags.astype(np.int8), 1)  # so that each run has two edges
    edges = np.flatnonzero(np.diff(padded))
    return edges[::2], edges[1::2]


def _check_line_after(
    path: Path,
    lines: Sequence[str],
    kinds: NDArray[np.uint8],
    after: _Lines,
    layout: Layout,
) -> None:
    """Refuse a table that is followed by a row of another length."""
    if len(after) and kinds[after[0]] in (_RAGGED, _CUT):
        line = int(after[0])
        columns = layout.style.count(lines[line])
        raise FileFormatError(
            path,
            f"line {line + 1} has {columns} columns, those above {layout.columns}",
            "export it again: it was cut short, or edited",
        )


def _check_lines_before(
    path: Path,
    lines: Sequence[str],
    kinds: NDArray[np.uint8],
    before: _Lines,
    layout: Layout,
) -> None:
    """Refuse a table above which rows with more columns stand: one of its spectra has ended."""
    last = [int(line) for line in before[-2:]]
    if len(last) < 2 or any(kinds[line] != _RAGGED for line in last):
        return
    first, second = (layout.style.count(lines[line]) for line in last)
    if first == second > layout.columns:
        raise FileFormatError(
            path,
            f"line {last[1] + 1} has {second} columns, those below {layout.columns}",
            "export it again: its columns differ in length, with nothing in the place of what is missing",
        )


def _kinds(
    source: Source,
    lines: Sequence[str],
    layout: Layout,
) -> NDArray[np.uint8]:
    """Return for each line whether it is data, too short or long for it, prose, or nothing."""
    kind = _line_classifier(layout)
    kinds = np.empty(len(lines), np.uint8)
    for start in range(0, len(lines), _LINES_PER_REPORT):
        source.tell(start, 2 * len(lines))
        block = lines[start : start + _LINES_PER_REPORT]
        kinds[start : start + len(block)] = [kind(line) for line in block]
    return kinds


def _line_classifier(layout: Layout) -> Callable[[str], int]:
    """Return a function from a line to its kind; its patterns are compiled once."""
    style, columns, names_first = layout
    cell_end = r"\s|$"
    if style.delimiter is not None:
        cell_end = rf"\s*({re.escape(style.delimiter)}|$)"
    number = style.number_pattern.pattern
    begins_with_number = re.compile(rf'\s*"?({number})"?({cell_end})', re.IGNORECASE).match
    empty_cell = style.delimiter or "\n"

    def kind(line: str) -> int:
        if not line or line.isspace() or COMMENT.match(line):
            return _SKIP
        fits = style.count(line) == columns
        if begins_with_number(line):
            return _DATA if fits else _RAGGED
        if not fits:
            return _CUT if names_first and _is_part_of_row(line, layout) else _PROSE
        begins_empty = line.lstrip(" ").startswith(empty_cell)
        if not names_first and not begins_empty:
            return _PROSE
        # a name or nothing, then numbers
        cells = [cell for cell in style.cells(line)[1:] if cell]
        numbers = sum(style.number(cell) is not None for cell in cells)
        return _DATA if 2 * numbers > len(cells) else _PROSE

    return kind


def _is_part_of_row(line: str, layout: Layout) -> bool:
    """Whether a line is a name and numbers, but fewer than a row has."""
    style, columns, _ = layout
    if style.delimiter is None or not 2 <= style.count(line) < columns:
        return False
    _, *cells = style.cells(line)
    return all(style.number(cell) is not None for cell in cells) and any(cells)


def _tell_of_last_row(path: Path, numbers: Floats) -> None:
    """Warn where only the last row lacks numbers at its end, which no other row does."""
    if len(numbers) < 2:
        return
    lacks = np.isnan(numbers[-1]) & np.isfinite(numbers[:-1]).all(axis=0)  # (column,)
    if lacks.any() and lacks[-1]:
        warnings.warn(
            f"{path.name}: its last row lacks {int(lacks.sum())} of {len(lacks)} numbers, which are "
            "NaN: it was cut short, or edited",
            stacklevel=2,
        )


def _notes(lines: Sequence[str], in_table: _Flags) -> tuple[str, ...]:
    """Return the texts around a table, without rows of titles, which are longer."""
    notes = []
    for index in np.flatnonzero(~in_table).tolist():
        note = lines[index].strip()
        if 0 < len(note) <= _MAX_NOTE_LENGTH:
            notes.append(note)
    return tuple(notes[:_MAX_NOTES])


# ------------------------------------------------------------------------------------- numbers


def _numbers(
    source: Source,
    rows: Sequence[str],
    layout: Layout,
) -> tuple[Floats, dict[int, list[str]]]:
    """Return the numbers, (row, column), and the columns of words, each as long as the table."""
    count = len(rows)
    length = max(1, len(rows[0]))
    step = max(1, _BLOCK // length)
    numbers = np.empty((count, layout.columns))
    words: dict[int, list[str]] = {}
    for start in range(0, count, step):
        source.tell(count + start, 2 * count)  # half of the work was to find them
        block = rows[start : start + step]
        try:
            parsed = _only_numbers(block, layout.style)
        except ValueError:  # a word, or an empty cell: looked at one by one
            parsed = _numbers_and_words(source.path, block, layout, start, words)
        numbers[start : start + step] = parsed
    for column in words.values():
        column += [""] * (count - len(column))  # rows after the last word
    return numbers, words


def _only_numbers(rows: Sequence[str], style: Style) -> Floats:
    """Return rows in which each cell is a number, shape (row, column)."""
    delimiter = style.delimiter
    ends_empty = False
    if delimiter is not None:
        ends_empty = all(row.endswith(delimiter) for row in rows)
    if ends_empty:  # numpy refuses an empty cell
        rows = [row[:-1] for row in rows]
    if style.decimal == ",":
        rows = [row.replace(",", ".") for row in rows]
    numbers = np.loadtxt(
        rows,
        dtype=np.float64,
        delimiter=delimiter,
        comments=None,
        quotechar='"',
        ndmin=2,
    )
    if ends_empty:
        last_column = ((0, 0), (0, 1))
        numbers = np.pad(numbers, last_column, constant_values=np.nan)
    return numbers


def _numbers_and_words(
    path: Path,
    rows: Sequence[str],
    layout: Layout,
    start: int,
    words: dict[int, list[str]],
) -> Floats:
    """Return numbers among which cells are empty, (row, column); add columns of words to `words`.

    Parameters
    ----------
    start : int
        Row of the table at which these begin.
    """
    numbers = np.full((len(rows), layout.columns), np.nan)
    table = [layout.style.cells(row) for row in rows]
    for index, column in enumerate(zip(*table, strict=True)):
        parsed = [layout.style.number(cell) for cell in column]
        wrong = []
        for cell, number in zip(column, parsed, strict=True):
            if number is None:
                wrong.append(cell)
        if index in words or 2 * len(wrong) > len(column):
            known = words.setdefault(index, [])
            known += [""] * (start - len(known))  # rows before the first word
            known += column
        elif wrong:
            raise FileFormatError(
                path,
                f"{wrong[0]!r} among the numbers of column {index + 1}",
                _EXPORT,
            )
        else:
            numbers[:, index] = np.array(parsed, np.float64)
    return numbers


def _last_used_column(numbers: Floats, words: Mapping[int, object]) -> int:
    """Return the last column in which something stands: a delimiter at the end makes one more."""
    last = int(numbers.shape[1]) - 1
    while last > 0 and last not in words:
        is_empty = np.isnan(numbers[:, last]).all()
        if not is_empty:
            break
        last -= 1
    return last
