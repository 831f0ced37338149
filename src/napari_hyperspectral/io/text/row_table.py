"""Tables with a row of bands above the spectra, one a line.

Positions (x, y), names or classes of the spectra stand before or behind them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube
from ..metadata.positions import map_from_positions
from ..metadata.units import spectral_unit
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
    numbers: NDArray[np.float64]
    """Shape (spectrum, column)."""
    words: Mapping[int, tuple[str, ...]]
    """Columns of words."""

    @property
    def other_columns(self) -> list[int]:
        """Return the columns of positions, names and whatever else belongs to a spectrum."""
        bands = set(self.bands)
        return [column for column in range(len(self.titles)) if column not in bands]


def row_table_in(grid: Grid) -> RowTable | None:
    """Return where bands and spectra are, or None where no row is one of bands."""
    for titles in grid.titles:
        numeric = []
        for column, cell in enumerate(titles):
            if _is_band(cell) and column not in grid.words:
                numeric.append(column)
        if len(numeric) < 2 or 2 * len(numeric) <= len(titles):
            continue
        ordered = is_axis(_centres([titles[column] for column in numeric]))
        if ordered and not _has_axis_in_first_column(grid, titles):
            return RowTable(titles, numeric, grid.numbers, grid.words)
    return _row_table_below_first(grid)


def cube_from_rows(path: Path, grid: Grid, table: RowTable) -> Cube:
    """Return the spectra of a table, on a map where their positions make one."""
    cells = [table.titles[column] for column in table.bands]
    x, y = position_columns(table.titles, table.other_columns, table.words)
    others = [column for column in table.other_columns if column not in (x, y)]
    units = dict.fromkeys(match[2].strip() for match in map(_BAND.fullmatch, cells) if match)
    corner = [table.titles[column] for column in others]
    axis = axis_from_titles(_centres(cells), [*units, *corner], grid)
    spectra = table.numbers[:, table.bands]  # (spectrum, band)
    parameters = cube_parameters(path, grid)
    parameters["metadata"] |= _metadata_of_spectra(table, others)
    if x is None or y is None:
        return Cube.from_spectra(spectra, axis, **parameters)
    unit = length_unit_in(table.titles[x])
    return cube_at_positions(
        spectra, axis, table.numbers[:, x], table.numbers[:, y], unit, parameters
    )


def cube_at_positions(
    spectra: NDArray[np.float64],
    axis: SpectralAxis,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
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
    all_known = bool((np.isfinite(x) & np.isfinite(y)).all())
    spectral_map = map_from_positions(spectra, y, x) if all_known else None
    if spectral_map is None:
        positions = {"x": without_nan(x), "y": without_nan(y), "unit": unit}
        parameters["metadata"] |= {"positions": positions}
        return Cube.from_spectra(spectra, axis, **parameters)
    return Cube(
        spectral_map.data,
        axis,
        pixel_size=spectral_map.pixel_size,
        origin=spectral_map.origin,
        pixel_unit=unit,
        **parameters,
    )


def position_columns(
    titles: Sequence[str], columns: Sequence[int], words: Mapping[int, object]
) -> tuple[int | None, int | None]:
    """Return those of `columns` that are x and y: named, or the first two without a name."""
    numeric = [column for column in columns if column not in words]
    x = _first_titled(TITLE_OF_X, numeric, titles)
    y = _first_titled(TITLE_OF_Y, numeric, titles)
    if x is not None and y is not None:
        return x, y
    unnamed = numeric[:2] == [0, 1] and not (titles[0] or titles[1])
    if x is None and y is None and unnamed:
        return 0, 1
    return None, None


def without_nan(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers as JSON has them, None for each that is missing."""
    return [None if np.isnan(value) else value for value in values.tolist()]


def _is_band(cell: str) -> bool:
    """Whether a title is a number, with a spectral unit or without any: "10 s" is none."""
    match = _BAND.fullmatch(cell)
    return match is not None and (not match[2] or spectral_unit(match[2]) is not None)


def _centres(cells: Sequence[str]) -> NDArray[np.float64]:
    matches = [_BAND.fullmatch(cell) for cell in cells]
    return np.array([float(match[1].replace(",", ".")) for match in matches if match])


def _has_axis_in_first_column(grid: Grid, titles: Sequence[str]) -> bool:
    """Whether there is an axis in the first column, and numbers of samples in the titles."""
    rows, columns = grid.numbers.shape
    return rows >= columns and names_axis(titles[0]) and is_axis(grid.numbers[:, 0])


def _row_table_below_first(grid: Grid) -> RowTable | None:
    """Return a table whose first line of numbers are the bands, or None where it is no axis."""
    first = grid.numbers[0]
    corner_is_filled = bool(np.isfinite(first[0]))
    # an axis in the first column has as good a claim, unless the corner is empty
    if corner_is_filled and is_axis(grid.numbers[:, 0]):
        return None
    bands = [column for column in np.flatnonzero(np.isfinite(first)).tolist() if column > 0]
    if len(bands) <= 2 or len(grid.numbers) < 2 or not is_axis(first[bands]):
        return None
    if any(is_axis(row[bands]) for row in grid.numbers[1:3]):  # they all ascend: no spectra
        return None
    if corner_is_filled and is_axis(first):
        bands = [0, *bands]
    titles = [""] * len(first)
    for column in bands:
        titles[column] = repr(float(first[column]))
    words = {}
    for column, cells in grid.words.items():
        titles[column] = cells[0]
        words[column] = cells[1:]
    return RowTable(tuple(titles), bands, grid.numbers[1:], words)


def _first_titled(
    pattern: re.Pattern[str], columns: Sequence[int], titles: Sequence[str]
) -> int | None:
    return next((column for column in columns if pattern.fullmatch(titles[column])), None)


def _metadata_of_spectra(table: RowTable, columns: Sequence[int]) -> dict[str, Any]:
    """Return what further columns say: classes, where words repeat; else names of spectra."""
    metadata: dict[str, Any] = {}
    titled = {table.titles[column] or f"column {column + 1}": column for column in columns}
    for title, column in titled.items():
        words = table.words.get(column)
        if words is None:
            numbers = without_nan(table.numbers[:, column])
            metadata.setdefault("columns", {})[title] = numbers
        elif "classes" not in metadata and 2 * len(set(words)) <= len(table.numbers):
            metadata["classes"] = list(words)
        elif "spectra names" not in metadata:
            metadata["spectra names"] = list(words)
        else:
            metadata.setdefault("columns", {})[title] = list(words)
    return metadata
