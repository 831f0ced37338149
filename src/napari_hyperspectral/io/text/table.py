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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..metadata.named_arrays import images_from_arrays
from ..metadata.positions import on_a_map
from ..metadata.units import spectral_unit
from ..source import Source
from .columns import MARK, read_back
from .file import read_text
from .grid import Grid, read_grid
from .titles import X, Y, about_table, axis_of, names_axis, place_unit_of

_BAND: Final = re.compile(r"[\"'X]?\s*([-+]?\d+(?:[.,]\d+)?(?:e[-+]?\d+)?)\s*(\D*)", re.IGNORECASE)
_MOST_HOLES: Final = 4
"""Where there are more pixels times bands for each line, positions and bands are no grid."""
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
    text = read_text(path).removeprefix("\ufeff")
    if text.startswith(MARK):
        return [read_back(source, text)]
    _check_not_of_napari(path, text)
    grid = read_grid(source, text)
    if source.axes is not None or source.flat:
        return [*images_from_arrays({"": _bare(grid)}, source, **about_table(path, grid))]
    rows = _rows(grid)
    if rows is not None:
        return [_of_rows(path, grid, rows)]
    long = _long(grid)
    if long is not None:
        return [*_of_lines(path, grid, long)]
    return [*_of_columns(path, grid)]


def _check_not_of_napari(path: Path, text: str) -> None:
    first = text[:200].split("\n")[0].replace('"', "")
    if re.match(r"index,(shape-type|axis-\d|vertex)|axis-\d", first):
        raise FileFormatError(
            path, "napari's own table of points or shapes", "open it with napari, as this layer"
        )


class _Rows(NamedTuple):
    """A table with a row of bands above the spectra."""

    title: tuple[str, ...]
    """Cells of the row with the bands."""
    bands: list[int]
    """Columns of the spectra."""
    numbers: NDArray[np.float64]
    words: Mapping[int, tuple[str, ...]]


class _Long(NamedTuple):
    """Columns of a table with a line for each band of each pixel."""

    x: int
    y: int | None
    """None: a line."""
    band: int
    values: list[int]

    def known(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the lines that say where they belong."""
        places = [place for place in (self.x, self.y, self.band) if place is not None]
        known = np.isfinite(numbers[:, places]).all(axis=1)
        return numbers if known.all() else numbers[known]

    def positions(
        self, numbers: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
        """Return x and y of each pixel, and the pixel of each line."""
        x = numbers[:, self.x]
        return _pixels(x, np.zeros_like(x) if self.y is None else numbers[:, self.y])


def _rows(grid: Grid) -> _Rows | None:
    for title in grid.titles:
        bands = [place for place, cell in enumerate(title) if _is_band(cell)]
        numeric = [place for place in bands if place not in grid.words]
        if len(numeric) < 2 or 2 * len(numeric) <= len(title):
            continue
        ordered = _is_axis(_centres([title[place] for place in numeric]))
        if ordered and not _has_axis_of_its_own(grid, title):
            return _Rows(title, numeric, grid.numbers, grid.words)
    return _rows_below_first(grid)


def _is_band(cell: str) -> bool:
    """Whether a title is a number, with a spectral unit or without any: "10 s" is none."""
    found = _BAND.fullmatch(cell)
    return found is not None and (not found[2] or spectral_unit(found[2]) is not None)


def _has_axis_of_its_own(grid: Grid, title: Sequence[str]) -> bool:
    """Whether there is an axis in the first column, and numbers of samples in the titles."""
    tall = grid.numbers.shape[0] >= grid.numbers.shape[1]
    return tall and names_axis(title[0]) and _is_axis(grid.numbers[:, 0])


def _rows_below_first(grid: Grid) -> _Rows | None:
    """Return a table whose first line of numbers are the bands, or None where it is no axis."""
    first = grid.numbers[0]
    bands = [place for place in np.flatnonzero(np.isfinite(first)).tolist() if place > 0]
    # an axis of its own in the first column has as good a claim, unless the corner is empty
    if np.isfinite(first[0]) and _is_axis(grid.numbers[:, 0]):
        return None
    if len(bands) <= 2 or len(grid.numbers) < 2 or not _is_axis(first[bands]):
        return None
    if any(_is_axis(row[bands]) for row in grid.numbers[1:3]):
        return None
    if np.isfinite(first[0]) and _is_axis(first):
        bands = [0, *bands]
    cells = [f"{value!r}" if place in bands else "" for place, value in enumerate(first.tolist())]
    for place, column in grid.words.items():
        cells[place] = column[0]
    words = {place: column[1:] for place, column in grid.words.items()}
    return _Rows(tuple(cells), bands, grid.numbers[1:], words)


def _centres(cells: Sequence[str]) -> NDArray[np.float64]:
    matches = [_BAND.fullmatch(cell) for cell in cells]
    return np.array([float(m[1].replace(",", ".")) for m in matches if m is not None])


def _is_axis(values: NDArray[np.float64]) -> bool:
    """Whether numbers ascend or descend, but for a few: detectors may overlap."""
    steps = np.diff(values)
    if not len(steps) or not np.isfinite(values).all():
        return False
    return bool(max((steps > 0).mean(), (steps < 0).mean()) > 0.9)


def _of_rows(path: Path, grid: Grid, rows: _Rows) -> Cube:
    cells = [rows.title[place] for place in rows.bands]
    centres = _centres(cells)
    others = [place for place in range(len(rows.title)) if place not in set(rows.bands)]
    units = {m[2].strip() for m in map(_BAND.fullmatch, cells) if m is not None}
    x, y = _places(rows.title, others, rows.words)
    corner = [rows.title[place] for place in others if place not in (x, y)]
    axis = axis_of(centres, [*units, *corner], grid)
    spectra = rows.numbers[:, rows.bands]
    about = about_table(path, grid)
    rest = {
        rows.title[place] or f"column {place + 1}": rows.words[place]
        if place in rows.words
        else rows.numbers[:, place].tolist()
        for place in others
        if place not in (x, y)
    }
    about["metadata"] |= _told(rest, len(spectra))
    if x is None or y is None:
        return Cube.from_spectra(spectra, axis, **about)
    unit = place_unit_of(rows.title[x])
    return _placed(spectra, axis, rows.numbers[:, x], rows.numbers[:, y], unit, about)


def _places(
    title: Sequence[str], others: Sequence[int], words: Mapping[int, object]
) -> tuple[int | None, int | None]:
    """Return the columns of x and y: named, or two without a name before the bands."""
    numeric = [place for place in others if place not in words]
    x = next((place for place in numeric if X.fullmatch(title[place])), None)
    y = next((place for place in numeric if Y.fullmatch(title[place])), None)
    if x is None and y is None and numeric[:2] == [0, 1] and not (title[0] or title[1]):
        return 0, 1
    return (x, y) if x is not None and y is not None else (None, None)


def _told(columns: Mapping[str, Sequence[Any]], spectra: int) -> dict[str, Any]:
    """Return what stands beside spectra: classes, where words repeat; else their names."""
    told: dict[str, Any] = {}
    for name, column in columns.items():
        words = isinstance(column, tuple)
        if not words:
            told.setdefault("columns", {})[name] = [None if v != v else v for v in column]
        elif "classes" not in told and 2 * len(set(column)) <= spectra:
            told["classes"] = list(column)
        elif "spectra names" not in told:
            told["spectra names"] = list(column)
        else:
            told.setdefault("columns", {})[name] = list(column)
    return told


def _placed(
    spectra: NDArray[Any],
    axis: SpectralAxis,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    unit: str | None,
    about: dict[str, Any],
) -> Cube:
    known = np.isfinite(x) & np.isfinite(y)
    placed = on_a_map(spectra, y, x) if known.all() else None
    if placed is None:
        positions = {"x": _plain(x), "y": _plain(y), "unit": unit}
        about["metadata"] |= {"positions": positions}
        return Cube.from_spectra(spectra, axis, **about)
    return Cube(
        placed.data,
        axis,
        pixel_size=placed.pixel_size,
        origin=placed.origin,
        pixel_unit=unit,
        **about,
    )


def _long(grid: Grid) -> _Long | None:
    """Return the columns of lines of x, y, band and intensity; None where it is no such table."""
    columns = grid.numbers.shape[1]
    title = grid.titles[-1] if grid.titles else ("",) * columns
    if columns == 3 and names_axis(title[1]) and not names_axis(title[0]):
        found = _Long(0, None, 1, [2])
    else:
        x, y = _places(title, range(columns - 2), grid.words)
        if x is None or y is None:
            return None
        bands = [place for place in range(max(x, y) + 1, columns - 1) if names_axis(title[place])]
        band = bands[-1] if bands else max(x, y) + 1
        values = [place for place in range(band + 1, columns) if place not in grid.words]
        found = _Long(x, y, band, values)
    if not found.values or (columns > 4 and not any(title)):
        return None
    numbers = found.known(grid.numbers)
    centres = len(np.unique(numbers[:, found.band]))
    if not len(numbers) or 2 * centres > len(numbers):  # bands do not come again: an axis
        return None
    # four columns without titles may be anything, unless each position has each band
    pixels = len(found.positions(numbers)[0])
    return found if any(title) or pixels * centres == len(numbers) else None


def _of_lines(path: Path, grid: Grid, long: _Long) -> list[Cube]:
    numbers = long.known(grid.numbers)
    x, y, pixel = long.positions(numbers)
    centres, band = _bands(numbers[:, long.band], pixel)
    taken = pixel * len(centres) + band
    if len(x) * len(centres) > _MOST_HOLES * len(taken) or np.bincount(taken).max() > 1:
        raise FileFormatError(
            path,
            f"{len(taken)} lines do not make spectra of {len(centres)} bands at {len(x)} positions",
            "export one measurement a file, with the same bands everywhere",
        )
    title = grid.titles[-1] if grid.titles else ("",) * numbers.shape[1]
    axis = axis_of(centres, [title[long.band]], grid)
    cubes = []
    for value in long.values:
        spectra = np.full(len(x) * len(centres), np.nan)
        spectra[taken] = numbers[:, value]
        about = about_table(path, grid, title[value])
        if len(long.values) > 1:
            about["name"] = title[value] or f"column {value + 1}"
        unit = place_unit_of(title[long.x])
        cubes.append(_placed(spectra.reshape(len(x), -1), axis, x, y, unit, about))
    return cubes


def _pixels(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Return the positions, each once in the order of the file, and which of them each line has."""
    starts = np.concatenate([[0], np.flatnonzero((np.diff(x) != 0) | (np.diff(y) != 0)) + 1])
    found, pixel = _in_order(x[starts] + 1j * y[starts])
    lengths = np.diff(np.append(starts, len(x)))
    return found.real, found.imag, np.repeat(pixel, lengths)


def _bands(
    values: NDArray[np.float64], pixel: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the bands, each once in the order of the file, and which of them each line has."""
    length = int(np.argmax(pixel != pixel[0])) or len(pixel)  # of the first spectrum
    if len(values) % length == 0:
        table = values.reshape(-1, length)
        if (table == table[0]).all() and len(np.unique(table[0])) == length:
            return table[0], np.tile(np.arange(length), len(table))
    return _in_order(values)


def _in_order(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return different values in the order in which they come first, and which each one is."""
    found, first, which = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    return found[order], rank[which.ravel()]


def _of_columns(path: Path, grid: Grid) -> list[Cube]:
    title = grid.titles[-1] if grid.titles else ("",) * grid.numbers.shape[1]
    numeric = [place for place in range(grid.numbers.shape[1]) if place not in grid.words]
    axes = [place for place in numeric if names_axis(title[place])]
    if len(numeric) < 2:
        raise FileFormatError(path, "no two columns of numbers", _REMEDY)
    if len(axes) > 1 and numeric[::2] == axes and len(numeric) == 2 * len(axes):
        return [_spectra(path, grid, place, [place + 1], several=True) for place in axes]
    if axes:
        chosen = next((place for place in axes if "raman" in title[place].lower()), axes[0])
        values = [place for place in numeric if place > max(axes)]
        values = values or [place for place in numeric if place not in axes]
    else:
        chosen, values = numeric[0], numeric[1:]
    centres = grid.numbers[:, chosen]
    if not values:
        raise FileFormatError(path, "no column of intensities beside its axis", _REMEDY)
    if not axes and (0 in grid.words or not _is_axis(centres[np.isfinite(centres)])):
        raise FileFormatError(
            path,
            f"{grid.numbers.shape[0]} rows of {len(numeric)} numbers, of which neither the first "
            "row nor the first column is an axis",
            _REMEDY,
        )
    return [_spectra(path, grid, chosen, values)]


def _spectra(
    path: Path, grid: Grid, chosen: int, values: Sequence[int], *, several: bool = False
) -> Cube:
    """Return the spectra of some columns over the axis in another, which may end earlier."""
    rows = np.isfinite(grid.numbers[:, chosen])
    numbers = grid.numbers if rows.all() else grid.numbers[rows]
    if not len(numbers):
        raise FileFormatError(path, f"no number in column {chosen + 1}, its axis", _REMEDY)
    title = grid.titles[-1] if grid.titles else ("",) * numbers.shape[1]
    axis = axis_of(numbers[:, chosen], [row[chosen] for row in reversed(grid.titles)], grid)
    names = [" ".join(dict.fromkeys(row[v] for row in grid.titles if row[v])) for v in values]
    about = about_table(path, grid, *(title[value] for value in values))
    if any(names):
        about["metadata"] |= {"spectra names": names}
    if several:
        above = next((row[chosen] for row in grid.titles if row[chosen] != title[chosen]), "")
        about["name"] = above or names[0] or f"column {values[0] + 1}"
    others = {
        title[place]: _plain(numbers[:, place])
        for place in range(values[0])
        if not several and place != chosen and place not in grid.words and title[place]
    }
    if others:
        about["metadata"] |= {"columns": others}
    return Cube.from_spectra(numbers[:, list(values)].T, axis, **about)


def _bare(grid: Grid) -> NDArray[np.float64]:
    columns = [place for place in range(grid.numbers.shape[1]) if place not in grid.words]
    return grid.numbers[:, columns]


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]
