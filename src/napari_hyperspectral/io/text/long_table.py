"""Tables with a line for each band of each pixel: x, y, band and intensity."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...cube import Cube
from ...errors import FileFormatError
from ...metrics.values import Floats
from .grid import Grid
from .row_table import cube_at_positions, position_columns
from .titles import axis_from_titles, cube_parameters, length_unit_in, names_axis

_Index: TypeAlias = NDArray[np.intp]
"""For each line, which of the pixels or bands it has; shape (line,)."""
_MAX_HOLES: Final = 4
"""Where there are more pixels times bands for each line, positions and bands are no grid."""


class LongTable(NamedTuple):
    """Columns of a table with a line for each band of each pixel."""

    x: int
    y: int | None
    """None: a line of pixels."""
    band: int
    values: list[int]
    """Columns of intensities; each is an image."""

    def complete_lines(self, numbers: Floats) -> Floats:
        """Return the lines that have a position and a band, shape (line, column)."""
        keys = [self.x, self.band]
        if self.y is not None:
            keys.append(self.y)
        known = np.isfinite(numbers[:, keys])
        complete = known.all(axis=1)  # (line,)
        if complete.all():
            return numbers  # without a copy: these tables are large
        return numbers[complete]

    def pixels(self, numbers: Floats) -> _Pixels:
        """Return the pixels of some lines, shape (line, column)."""
        x = numbers[:, self.x]
        y = np.zeros_like(x)  # of a line of pixels
        if self.y is not None:
            y = numbers[:, self.y]
        return _pixels(x, y)


class _Pixels(NamedTuple):
    """Positions, each once in the order of the file, and which of them each line has."""

    x: Floats
    """Shape (pixel,)."""
    y: Floats
    """Shape (pixel,)."""
    of_line: _Index
    """Shape (line,)."""


def long_table_in(grid: Grid) -> LongTable | None:
    """Return the columns of x, y, band and intensity; None where it is no such table."""
    table = _named_columns(grid)
    if table is None or not table.values:
        return None
    has_titles = any(grid.title_row)
    if grid.columns > 4 and not has_titles:
        return None
    numbers = table.complete_lines(grid.numbers)
    centres = len(np.unique(numbers[:, table.band]))
    if not len(numbers) or 2 * centres > len(numbers):  # no band comes twice: an axis
        return None
    if has_titles:
        return table
    # four columns without titles may be anything, unless each position has each band
    pixels = len(table.pixels(numbers).x)
    if pixels * centres != len(numbers):
        return None
    return table


def _named_columns(grid: Grid) -> LongTable | None:
    """Return the columns as their titles name them, or in the usual order; None without x and y."""
    titles = grid.title_row
    if grid.columns == 3:
        second_is_axis = names_axis(titles[1]) and not names_axis(titles[0])
        if second_is_axis:
            return LongTable(x=0, y=None, band=1, values=[2])
    # a band and an intensity follow the positions
    candidates = range(grid.columns - 2)
    x, y = position_columns(titles, candidates, grid.words)
    if x is None or y is None:
        return None
    band = max(x, y) + 1
    for column in range(band, grid.columns - 1):
        if names_axis(titles[column]):
            band = column
    values = [column for column in grid.numeric_columns if column > band]
    return LongTable(x, y, band, values)


def cubes_from_lines(
    path: Path,
    grid: Grid,
    table: LongTable,
) -> list[Cube]:
    """Return a cube for each column of intensities.

    Raises
    ------
    FileFormatError
        If positions and bands are no grid, or a pixel has a band twice.
    """
    numbers = table.complete_lines(grid.numbers)  # (line, column)
    pixels = table.pixels(numbers)
    centres, band_of_line = _bands(numbers[:, table.band], pixels.of_line)
    count = len(pixels.x)
    bands = len(centres)
    index = pixels.of_line * bands + band_of_line  # of each line, in (pixel, band)
    size = count * bands
    # in this order: the first bounds the memory that counting needs
    if size > _MAX_HOLES * len(index) or np.bincount(index).max() > 1:
        raise FileFormatError(
            path,
            f"{len(index)} lines do not make spectra of {bands} bands at {count} positions",
            "export one measurement a file, with the same bands everywhere",
        )
    titles = grid.title_row
    axis = axis_from_titles(centres, [titles[table.band]], grid)
    unit = length_unit_in(titles[table.x])
    cubes = []
    for column in table.values:
        spectra = np.full(size, np.nan)
        spectra[index] = numbers[:, column]
        title = titles[column]
        parameters = cube_parameters(path, grid, title)
        if len(table.values) > 1:
            parameters["name"] = title or f"column {column + 1}"
        cube = cube_at_positions(
            path,
            spectra.reshape(count, bands),
            axis,
            pixels.x,
            pixels.y,
            unit,
            parameters,
        )
        cubes.append(cube)
    return cubes


def _pixels(x: Floats, y: Floats) -> _Pixels:
    """Return the pixels of lines at positions `x` and `y`, each of shape (line,)."""
    x_moved = np.diff(x) != 0
    y_moved = np.diff(y) != 0
    moves = np.flatnonzero(x_moved | y_moved)
    starts = np.concatenate([[0], moves + 1])  # of runs at one position
    # one complex number for each pair, so that pairs are compared at once
    at_starts = x[starts] + 1j * y[starts]
    positions, pixel = _unique_in_order(at_starts)
    run_lengths = np.diff(np.append(starts, len(x)))
    of_line = np.repeat(pixel, run_lengths)
    return _Pixels(positions.real, positions.imag, of_line)


def _bands(values: Floats, pixel: _Index) -> tuple[Floats, _Index]:
    """Return the bands, each once in the order of the file, and which of them each line has."""
    length = int(np.argmax(pixel != pixel[0])) or len(pixel)  # of the first spectrum
    if len(values) % length == 0:
        table = values.reshape(-1, length)  # (pixel, band), if all have the same bands
        bands = table[0]
        all_equal = (table == bands).all()
        if all_equal and len(np.unique(bands)) == length:
            index = np.arange(length)
            return bands, np.tile(index, len(table))
    return _unique_in_order(values)


def _unique_in_order(values: NDArray[Any]) -> tuple[NDArray[Any], _Index]:
    """Return different values in the order in which they come first, and which each one is."""
    unique, first, index = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    count = len(order)
    rank = np.empty(count, np.intp)
    rank[order] = np.arange(count)
    return unique[order], rank[index.ravel()]
