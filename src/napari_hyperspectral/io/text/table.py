"""Tables of spectra in text: maps with positions, columns of spectra, rows of spectra.

What a table means stands in its titles, if anywhere. Known are

* a row of bands above the spectra, one a line, with positions (x, y), names or classes before or
  behind them;
* lines of x, y, band and intensity;
* an axis in the first column, or in one whose title says so, and a column for each spectrum.

Without a unit in a title there is none: 400 to 4000 may be nm or cm⁻¹.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..metadata.named_arrays import images_from_arrays
from ..metadata.units import spectral_unit
from ..source import Source
from .columns import MARK, read_back
from .file import read_text
from .first_column import why_no_axis
from .frames import frame_counter, frames_in, series_of
from .grid import Grid, read_grid
from .long_table import cubes_from_lines, long_table_in
from .row_table import cube_from_rows, row_table_in, without_nan
from .titles import axis_from_titles, cube_parameters, is_axis, names_axis

_REMEDY: Final = (
    'say what it is, axes="xb" (a spectrum a row), "bx" (a column) or "yx" (an image), '
    "or put its axis into the first column"
)


def read_images(source: Source) -> list[Image]:
    """Read the spectra of a table; a map is put together by its positions.

    Raises
    ------
    FileFormatError
        If there is no table, or nothing in it is an axis.
    """
    path = source.path
    text = read_text(path).removeprefix("\ufeff")  # a byte order mark
    if text.startswith(MARK):
        return [read_back(source, text)]
    _check_not_of_napari(path, text)
    grid = read_grid(source, text)
    if source.axes is not None or source.flat:
        arrays = {"": grid.numbers[:, grid.numeric_columns]}
        parameters = cube_parameters(path, grid)
        return [*images_from_arrays(arrays, source, **parameters)]
    row_table = row_table_in(grid)
    if row_table is not None:
        return [cube_from_rows(path, grid, row_table)]
    long_table = long_table_in(grid)
    if long_table is not None:
        return [*cubes_from_lines(path, grid, long_table)]
    return [*_cubes_from_columns(path, grid)]


def _check_not_of_napari(path: Path, text: str) -> None:
    """Refuse tables that napari itself writes and reads."""
    first_line = text[:200].split("\n")[0]
    titles = first_line.replace('"', "")
    if re.match(r"index,(shape-type|axis-\d|vertex)|axis-\d", titles):
        raise FileFormatError(
            path,
            "napari's own table of points or shapes",
            "open it with napari, as this layer",
        )


# --------------------------------------------------------------------- a spectrum in each column


def _cubes_from_columns(path: Path, grid: Grid) -> list[Cube]:
    """Return the columns of intensities over one axis, or each over its own axis."""
    titles = grid.title_row
    numeric = grid.numeric_columns
    axes = [column for column in numeric if _is_titled_axis(grid, column)]
    if len(numeric) < 2:
        raise FileFormatError(path, "no two columns of numbers", _REMEDY)
    alternate = numeric[::2] == axes and len(numeric) == 2 * len(axes)
    if len(axes) > 1 and alternate:
        return [_spectrum_of_pair(path, grid, column) for column in axes]
    if not axes:
        counter = frame_counter(*grid.numbers[:, numeric[:2]].T) if len(numeric) > 2 else None
        if counter is None:
            _check_first_column(path, grid)
        else:
            numeric.pop(counter)
        axis, *values = numeric
        return [_spectra_over(path, grid, axis, values)]
    axis = axes[0]
    for column in reversed(axes):  # a Raman shift, where there are wavelengths, too
        if "raman" in titles[column].lower():
            axis = column
    last_axis = max(axes)
    values = [column for column in numeric if column > last_axis]
    if not values:  # the axes stand behind their intensities
        values = [column for column in numeric if column not in axes]
    if not values:
        raise FileFormatError(
            path,
            "no column of intensities next to its axis",
            _REMEDY,
        )
    return [_spectra_over(path, grid, axis, values)]


def _is_titled_axis(grid: Grid, column: int) -> bool:
    """Whether a column has the title of an axis, and a unit or numbers that are one.

    "Raman 1" may be a spectrum.
    """
    title = grid.title_row[column]
    if not names_axis(title):
        return False
    numbers = grid.numbers[:, column]
    known = numbers[np.isfinite(numbers)]
    if len(known) < 3 or spectral_unit(title) is not None:
        return True
    return is_axis(known) or frames_in(known) is not None


def _check_first_column(path: Path, grid: Grid) -> None:
    """Refuse a table without titles whose first column is no axis."""
    reason = why_no_axis(grid)
    if reason is not None:
        rows = len(grid.numbers)
        raise FileFormatError(
            path,
            f"{rows} rows of {len(grid.numeric_columns)} numbers, of which neither the first row "
            f"nor the first column is an axis (the first column {reason})",
            _REMEDY,
        )


def _spectrum_of_pair(
    path: Path,
    grid: Grid,
    axis_column: int,
) -> Cube:
    """Return the spectrum in the column after its own axis."""
    value = axis_column + 1
    table = _finite_rows(path, grid, axis_column)
    _warn_of_lengths(path, grid, table, [value])
    parameters = _parameters(path, table, [value])
    parameters["name"] = _name_of_pair(grid, axis_column)
    spectra = table.numbers[:, [value]].T  # (spectrum, band)
    return _series(path, _axis(table, axis_column), spectra, parameters)


def _name_of_pair(grid: Grid, axis_column: int) -> str:
    """Return what stands above the title of an axis, else the title of its intensities."""
    title = grid.title_row[axis_column]
    for row in grid.titles:
        above = row[axis_column]
        if above != title:
            if above:
                return above
            break  # the name of the pair stands above its intensities
    value = axis_column + 1
    return _joined_titles(grid, value) or f"column {value + 1}"


def _spectra_over(
    path: Path,
    grid: Grid,
    axis_column: int,
    values: Sequence[int],
) -> Cube:
    """Return spectra over a common axis; the columns before them are kept as metadata."""
    table = _finite_rows(path, grid, axis_column)
    _warn_of_lengths(path, grid, table, values)
    parameters = _parameters(path, table, values)
    others = {}
    for column in table.numeric_columns:
        title = table.title_row[column]
        if column < values[0] and column != axis_column and title:
            others[title] = without_nan(table.numbers[:, column])
    if others:
        parameters["metadata"] |= {"columns": others}
    spectra = table.numbers[:, list(values)].T  # (spectrum, band)
    return _series(path, _axis(table, axis_column), spectra, parameters)


def _series(
    path: Path,
    axis: SpectralAxis,
    spectra: Floats,
    parameters: dict[str, Any],
) -> Cube:
    """Return spectra, (spectrum, row), over an axis that may begin again for each frame."""
    metadata = parameters["metadata"]
    names = metadata.get("spectra names", ())
    one, frames, names = series_of(path, axis, spectra, names)
    if len(frames) > len(spectra) or names:
        metadata |= {"spectra names": names}
    return Cube.from_spectra(frames, one, **parameters)


def _warn_of_lengths(path: Path, grid: Grid, table: Grid, values: Sequence[int]) -> None:
    """Tell of rows that were left out, and of spectra that end before their axis."""
    left_out = len(grid.numbers) - len(table.numbers)
    held = np.isfinite(grid.numbers[:, list(values)]).any(axis=1).sum()
    if left_out and held > len(table.numbers):
        warnings.warn(
            f"{path.name}: {left_out} rows have intensities but no place on the axis; they are left "
            "out",
            stacklevel=2,
        )
    bands = len(table.numbers)
    ends = {}
    for column in values:
        known = np.flatnonzero(np.isfinite(table.numbers[:, column]))
        end = int(known[-1]) + 1 if len(known) else 0
        if end < bands:
            ends[column] = end
    if ends:
        column, end = next(iter(ends.items()))
        title = _joined_titles(grid, column) or f"column {column + 1}"
        warnings.warn(
            f"{path.name}: {len(ends)} of {len(values)} spectra are shorter than their axis ({title} "
            f"has {end} of {bands} bands); what they lack is NaN",
            stacklevel=2,
        )


def _finite_rows(
    path: Path,
    grid: Grid,
    axis_column: int,
) -> Grid:
    """Return a table without the rows in which the axis is missing: it may end earlier."""
    finite = np.isfinite(grid.numbers[:, axis_column])
    if not finite.any():
        raise FileFormatError(
            path,
            f"no number in column {axis_column + 1}, its axis",
            _REMEDY,
        )
    if finite.all():
        return grid
    return replace(grid, numbers=grid.numbers[finite])


def _axis(grid: Grid, column: int) -> SpectralAxis:
    """Return the axis in a column; the title right above it counts first."""
    titles = [row[column] for row in reversed(grid.titles)]
    centres = grid.numbers[:, column]
    return axis_from_titles(centres, titles, grid)


def _parameters(
    path: Path,
    grid: Grid,
    values: Sequence[int],
) -> dict[str, Any]:
    """Return the parameters of `Cube` for the spectra in some columns."""
    parameters = cube_parameters(
        path,
        grid,
        *(grid.title_row[column] for column in values),
    )
    names = [_joined_titles(grid, column) for column in values]
    if any(names):
        parameters["metadata"] |= {"spectra names": names}
    return parameters


def _joined_titles(grid: Grid, column: int) -> str:
    """Return all that stands above a column, from the top, each text once."""
    texts = [row[column] for row in grid.titles]
    distinct = dict.fromkeys(text for text in texts if text)
    return " ".join(distinct)
