"""WITec text: the axis and a column for each spectrum, with two lines of titles, one, or none.

As Project and Control FIVE write it (Export > Table). A map names each column by its pixel,
``Map_000_Spec.Data 1_F(3/1)``: x, then y. Without titles nothing states the size of a map: it is a
list of spectra then, which the dock Axis folds into rows.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..metadata.positions import map_from_positions, tell_of_holes
from ..metadata.units import axis_in, stated_axis
from ..source import Source
from .file import numbers_in, read_text, start_of_text
from .frames import frames_in, series_of
from .table import read_images as table_of_any_kind
from .titles import is_axis
from .witec_graph import header_of, read_graph

_PIXEL: Final = re.compile(r"\((\d+)/(\d+)\)\s*$")
_NUMBER: Final = re.compile(r"[-+]?\d\.\d+E[-+]\d{2,3}")
_COUNTS: Final = {"ccd cts": "counts", "cts": "counts"}


def is_witec(path: Path) -> bool:
    """Whether a text has WITec's titles, or nothing but columns of its kind of number."""
    if header_of(path) is not None:
        return True
    lines = start_of_text(path, 65536).splitlines()
    if not lines:
        return False
    if any(_is_title(line) for line in lines[:2]):
        return True
    fields = lines[0].rstrip("\t ").split("\t")
    first_fields = [field.strip() for field in fields[:100]]  # there may be thousands
    are_numbers = all(_NUMBER.fullmatch(field) for field in first_fields)
    return len(fields) > 1 and are_numbers


def read_images(source: Source) -> list[Image]:
    """Read spectra; the titles of their columns say where they are on a map.

    Raises
    ------
    FileFormatError
        If lines differ in length, or something below the titles is no number.
    """
    path = source.path
    header = header_of(path)
    if header is not None:
        return [read_graph(header)]
    lines = read_text(path).splitlines()
    titles = _title_rows(lines)
    below = lines[len(titles) :]
    body = [line for line in below if line.strip()]
    if not body:
        raise FileFormatError(
            path,
            "no numbers in it",
            "export it again from WITec",
        )
    first_line = len(titles) + 1
    tabs = body[0].rstrip("\t\r ").count("\t")
    columns = tabs + 1
    table = numbers_in(path, body, columns, first_line)  # (band, column), the axis first
    if columns < 2 or any(len(row) != columns for row in titles):
        lengths = [str(len(row)) for row in titles]
        sizes = ", ".join(lengths)
        raise FileFormatError(
            path,
            f"{columns} columns of numbers under titles for {sizes or 0}",
            "export it again",
        )
    rises = is_axis(table[:, 0]) or frames_in(table[:, 0]) is not None
    if not titles and (source.axes is not None or not rises):
        return table_of_any_kind(source)  # numbers as WITec writes them, but no axis of its
    units, names = _units_and_names(titles)
    return [_cube(path, units, names, table)]


def _units_and_names(titles: Sequence[list[str]]) -> tuple[list[str] | None, list[str]]:
    """Return the row of units, and the names in the other row; None and [] where there is none."""
    units = None
    for row in reversed(titles):  # of several, the first one counts
        if axis_in(row[0], [0.0]) is not None:
            units = row
    for row in titles:
        if row is not units:
            return units, row[1:]
    return units, []


def _title_rows(lines: Sequence[str]) -> list[list[str]]:
    """Return the cells of the lines above the numbers: names, units, both or none."""
    titles = []
    for line in lines[:3]:
        cells = line.rstrip("\t\r\n ").split("\t")
        if _is_number(cells[0]):
            break
        titles.append([cell.strip() for cell in cells])
    return titles


def _is_title(line: str) -> bool:
    """Whether a line is one of WITec's titles: between tabs, of the axis or of its units."""
    first, tab, remainder = line.partition("\t")
    if not tab:
        return False
    return first.strip() == "X-Axis" or remainder.startswith("CCD cts")


def _cube(
    path: Path,
    units: Sequence[str] | None,
    names: Sequence[str],
    table: Floats,
) -> Cube:
    """Return the spectra of a table, (band, column), as a map or as a list.

    Parameters
    ----------
    units : sequence of str, optional
        Unit of the axis, then of each spectrum.
    names : sequence of str
        Of the spectra; empty where there are none.
    """
    centres = table[:, 0]
    axis = None
    if units:
        axis = stated_axis(units[0], centres)
    if axis is None:  # WITec measures Raman spectra, and writes nothing else like this
        axis = SpectralAxis(centres, "1/cm", "raman_shift", guessed=True)
    parameters: dict[str, Any] = {
        "name": path.stem,
        "history": (f"read {path.name}",),
    }
    if units:
        unit = units[1]
        parameters["intensity_unit"] = _COUNTS.get(unit.lower(), unit) or None
    spectra = table[:, 1:].T  # (spectrum, band)
    data = _map(path, spectra, names)
    if data is not None:  # indices of pixels: nothing states their size
        name = _PIXEL.sub("", names[0]).strip()
        parameters["metadata"] = {"witec": {"name": name}}
        return Cube(data, axis, **parameters)
    axis, spectra, names = series_of(path, axis, spectra, names)
    if any(names):
        parameters["metadata"] = {"spectra names": names}
    if len(spectra) > 1:
        _warn_of_list(path, len(spectra))
    return Cube.from_spectra(spectra, axis, **parameters)


def _map(path: Path, spectra: Floats, names: Sequence[str]) -> Floats | None:
    """Return spectra, (spectrum, band), as (band, y, x), where all names have a pixel."""
    x: list[int] = []
    y: list[int] = []
    for match in map(_PIXEL.search, names):
        if match is not None:
            x.append(int(match[1]))
            y.append(int(match[2]))
    count = len(spectra)
    if len(x) != count or count < 2:
        return None
    spectral_map = map_from_positions(spectra, np.array(y), np.array(x))
    if spectral_map is None:
        return None
    tell_of_holes(path, spectral_map, count)
    return spectral_map.data


def _warn_of_list(path: Path, count: int) -> None:
    side = int(np.sqrt(count))
    guess = f" (a square of {side} × {side}?)" if side**2 == count else ""
    warnings.warn(
        f"{path.name}: {count} spectra without positions{guess}; if they are a map, fold them "
        "into rows with the dock Axis, or `napari-hyperspectral axis … --step 'fold columns=…'`",
        stacklevel=2,
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
