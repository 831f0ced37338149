"""Tables with a row of bands above the spectra, one a line.

Positions (x, y), names or classes of the spectra stand before or behind them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube
from ...metrics.values import Floats
from ..metadata.axes import fault_of_order
from ..metadata.positions import map_from_positions, tell_of_holes
from ..metadata.units import spectral_unit
from .frames import frames_in, series_of
from .grid import Grid
from .titles import (
    TITLE_OF_X,
    TITLE_OF_Y,
    axis_from_titles,
    cube_parameters,
    is_axis,
    length_unit_in,
    names_axis,
)

_BAND: Final = re.compile(r"[\"'X]?\s*([-+]?\d+(?:[.,]\d+)?(?:e[-+]?\d+)?)\s*(\D*)", re.IGNORECASE)
"""A title that is a number, with or without a unit; R writes X before it."""


class RowTable(NamedTuple):
    """A table with a row of bands above the spectra."""

    titles: tuple[str, ...]
    """Cells of the row with the bands."""
    bands: list[int]
    """Columns of the spectra."""
    numbers: Floats
    """Shape (spectrum, column)."""
    words: Mapping[int, tuple[str, ...]]
    """Columns of words."""

    @property
    def other_columns(self) -> list[int]:
        """Return the columns of positions, names and whatever else belongs to a spectrum."""
        bands = set(self.bands)
        columns = range(len(self.titles))
        return [column for column in columns if column not in bands]


def row_table_in(grid: Grid) -> RowTable | None:
    """Return where bands and spectra are, or None where no row is one of bands."""
    for titles in grid.titles:
        numeric = []
        for column, cell in enumerate(titles):
            if _is_band(cell) and column not in grid.words:
                numeric.append(column)
        count = len(numeric)
        if count < 2 or 2 * count <= len(titles):
            continue
        centres = _centres([titles[column] for column in numeric])
        # with an axis in the first column, the titles are numbers of samples
        if _is_row_of_bands(centres) and not _has_axis_in_first_column(grid, titles):
            return RowTable(titles, numeric, grid.numbers, grid.words)
    return _row_table_below_first(grid)


def cube_from_rows(
    path: Path,
    grid: Grid,
    table: RowTable,
) -> Cube:
    """Return the spectra of a table, on a map where their positions make one."""
    titles = table.titles
    cells = [titles[column] for column in table.bands]
    x, y = position_columns(titles, table.other_columns, table.words)
    others = [column for column in table.other_columns if column not in (x, y)]
    # what stands above the other columns may be the title of the row of bands
    corner = [titles[column] for column in others]
    candidates = [*_units_in(cells), *corner]
    axis = axis_from_titles(_centres(cells), candidates, grid)
    spectra = table.numbers[:, table.bands]  # (spectrum, band)
    parameters = cube_parameters(path, grid)
    parameters["metadata"] |= _metadata_of_spectra(table, others)
    if x is None or y is None:
        return _series(path, axis, spectra, parameters)
    _tell_of_order(path, axis)
    unit = length_unit_in(titles[x])
    return cube_at_positions(
        path,
        spectra,
        axis,
        table.numbers[:, x],
        table.numbers[:, y],
        unit,
        parameters,
    )


def _series(
    path: Path,
    axis: SpectralAxis,
    spectra: Floats,
    parameters: dict[str, Any],
) -> Cube:
    """Return spectra, (spectrum, band), whose bands may begin again for each frame."""
    one, frames, names = series_of(
        path, axis, spectra, parameters["metadata"].get("spectra names", ())
    )
    if len(frames) > len(spectra):
        repeats = len(frames) // len(spectra)
        parameters["metadata"] = _of_frames(parameters["metadata"], repeats)
        parameters["metadata"]["spectra names"] = names
    return Cube.from_spectra(frames, one, **parameters)


def _of_frames(metadata: Mapping[str, Any], frames: int) -> dict[str, Any]:
    """Return metadata with what each spectrum has repeated for each of its frames."""
    repeated = dict(metadata)
    if "classes" in metadata:
        repeated["classes"] = metadata["classes"] * frames
    if "columns" in metadata:
        columns = metadata["columns"].items()
        repeated["columns"] = {title: values * frames for title, values in columns}
    return repeated


def _tell_of_order(path: Path, axis: SpectralAxis) -> None:
    fault = fault_of_order(axis)
    if fault:
        warnings.warn(f"{path.name}: {fault}; they are kept as they are", stacklevel=2)


def cube_at_positions(
    path: Path,
    spectra: Floats,
    axis: SpectralAxis,
    x: Floats,
    y: Floats,
    unit: str | None,
    parameters: dict[str, Any],
) -> Cube:
    """Return spectra as a map, or as a list with their positions where these make none.

    Parameters
    ----------
    spectra : ndarray of float64, shape (spectrum, band)
    x, y : ndarray of float64, shape (spectrum,)
        Positions in `unit`; NaN where one is missing.
    parameters : dict
        Further parameters of `Cube`.
    """
    known = np.isfinite(x) & np.isfinite(y)  # (spectrum,)
    spectral_map = None
    if known.all():
        spectral_map = map_from_positions(spectra, y, x)
    if spectral_map is None:
        positions = {
            "x": without_nan(x),
            "y": without_nan(y),
            "unit": unit,
        }
        parameters["metadata"] |= {"positions": positions}
        return Cube.from_spectra(spectra, axis, **parameters)
    tell_of_holes(path, spectral_map, len(spectra))
    return Cube(
        spectral_map.data,
        axis,
        pixel_size=spectral_map.pixel_size,
        origin=spectral_map.origin,
        pixel_unit=unit,
        **parameters,
    )


def position_columns(
    titles: Sequence[str],
    columns: Sequence[int],
    words: Mapping[int, object],
) -> tuple[int | None, int | None]:
    """Return those of `columns` that are x and y: named, or the first two without a name."""
    numeric = [column for column in columns if column not in words]
    x = _first_titled(TITLE_OF_X, numeric, titles)
    y = _first_titled(TITLE_OF_Y, numeric, titles)
    if x is not None and y is not None:
        return x, y
    if x is not None or y is not None:
        return None, None
    come_first = numeric[:2] == [0, 1]
    if come_first and not titles[0] and not titles[1]:
        return 0, 1
    return None, None


def without_nan(values: Floats) -> list[float | None]:
    """Return numbers, shape (n,), as JSON has them: None for each that is missing."""
    numbers: list[float | None] = []
    for value in values.tolist():
        numbers.append(None if np.isnan(value) else value)
    return numbers


def _is_band(cell: str) -> bool:
    """Whether a title is a number, with a spectral unit or without any: "10 s" is none."""
    match = _BAND.fullmatch(cell)
    if match is None:
        return False
    unit = match[2]
    return not unit or spectral_unit(unit) is not None


def _centres(cells: Sequence[str]) -> Floats:
    """Return the numbers in titles, shape (band,)."""
    centres = []
    for match in map(_BAND.fullmatch, cells):
        if match:
            number = match[1].replace(",", ".")
            centres.append(float(number))
    return np.array(centres)


def _units_in(cells: Sequence[str]) -> list[str]:
    """Return the different texts behind the numbers in titles, in their order."""
    units = []
    for match in map(_BAND.fullmatch, cells):
        if match:
            units.append(match[2].strip())
    return list(dict.fromkeys(units))


def _is_row_of_bands(centres: Floats) -> bool:
    """Whether numbers, shape (band,), are an axis, which may begin again for each frame."""
    return is_axis(centres) or frames_in(centres) is not None


def _has_axis_in_first_column(grid: Grid, titles: Sequence[str]) -> bool:
    """Whether there is an axis in the first column, and numbers of samples in the titles."""
    rows, columns = grid.numbers.shape
    is_named = rows >= columns and names_axis(titles[0])
    return is_named and is_axis(grid.numbers[:, 0])


def _row_table_below_first(grid: Grid) -> RowTable | None:
    """Return a table whose first line of numbers are the bands, or None where it is no axis."""
    first = grid.numbers[0]
    corner_is_filled = bool(np.isfinite(first[0]))
    # an axis in the first column has as good a claim, unless the corner is empty
    if corner_is_filled and is_axis(grid.numbers[:, 0]):
        return None
    filled = np.flatnonzero(np.isfinite(first))
    bands = [column for column in filled.tolist() if column > 0]
    if len(bands) <= 2 or len(grid.numbers) < 2:
        return None
    if not _is_row_of_bands(first[bands]):
        return None
    if any(is_axis(row[bands]) for row in grid.numbers[1:3]):
        return None  # they all ascend: no spectra
    if corner_is_filled and is_axis(first):
        bands = [0, *bands]
    titles = [""] * len(first)
    for column in bands:
        centre = float(first[column])
        titles[column] = repr(centre)
    words = {}
    for column, cells in grid.words.items():
        titles[column] = cells[0]
        words[column] = cells[1:]
    return RowTable(tuple(titles), bands, grid.numbers[1:], words)


def _first_titled(
    pattern: re.Pattern[str],
    columns: Sequence[int],
    titles: Sequence[str],
) -> int | None:
    for column in columns:
        if pattern.fullmatch(titles[column]):
            return column
    return None


def _metadata_of_spectra(table: RowTable, columns: Sequence[int]) -> dict[str, Any]:
    """Return what further columns say: classes, where words repeat; else names of spectra."""
    metadata: dict[str, Any] = {}
    titled = {}  # of equal titles, the last column counts
    for column in columns:
        title = table.titles[column] or f"column {column + 1}"
        titled[title] = column
    for title, column in titled.items():
        words = table.words.get(column)
        if words is None:
            numbers = without_nan(table.numbers[:, column])
            metadata.setdefault("columns", {})[title] = numbers
            continue
        words_repeat = 2 * len(set(words)) <= len(table.numbers)
        if words_repeat and "classes" not in metadata:
            metadata["classes"] = list(words)
        elif "spectra names" not in metadata:
            metadata["spectra names"] = list(words)
        else:
            metadata.setdefault("columns", {})[title] = list(words)
    return metadata
