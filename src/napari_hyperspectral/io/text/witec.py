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
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..metadata.positions import map_from_positions
from ..metadata.units import axis_in
from ..source import Source
from .file import numbers_in, read_text, start_of_text

_PIXEL: Final = re.compile(r"\((\d+)/(\d+)\)\s*$")
_NUMBER: Final = re.compile(r"[-+]?\d\.\d+E[-+]\d{2,3}")
_COUNTS: Final = {"ccd cts": "counts", "cts": "counts"}


def is_witec(path: Path) -> bool:
    """Whether a text has WITec's titles, or nothing but columns of its kind of number."""
    lines = start_of_text(path, 65536).splitlines()
    if not lines:
        return False
    if any(_is_title(line) for line in lines[:2]):
        return True
    fields = [field.strip() for field in lines[0].rstrip("\t ").split("\t")]
    return len(fields) > 1 and all(_NUMBER.fullmatch(field) for field in fields[:100])


def read_images(source: Source) -> list[Image]:
    """Read spectra; the titles of their columns say where they are on a map.

    Raises
    ------
    FileFormatError
        If lines differ in length, or something below the titles is no number.
    """
    path = source.path
    lines = read_text(path).splitlines()
    titles = _title_rows(lines)
    body = [line for line in lines[len(titles) :] if line.strip()]
    if not body:
        raise FileFormatError(path, "no numbers in it", "export it again from WITec")
    columns = body[0].rstrip("\t\r ").count("\t") + 1
    table = numbers_in(path, body, columns, len(titles) + 1)  # (band, column), the axis first
    if columns < 2 or any(len(row) != columns for row in titles):
        sizes = ", ".join(str(len(row)) for row in titles)
        raise FileFormatError(
            path, f"{columns} columns of numbers under titles for {sizes or 0}", "export it again"
        )
    units = None
    names: list[str] = []
    for row in reversed(titles):  # of several, the first one counts
        if axis_in(row[0], [0.0]) is not None:
            units = row
    for row in titles:
        if row is not units:
            names = row[1:]
            break
    return [_cube(path, units, names, table)]


def _title_rows(lines: Sequence[str]) -> list[list[str]]:
    """Return the cells of the lines above the numbers: names, units, both or none."""
    titles = []
    for line in lines[:3]:
        if _is_number(line.split("\t")[0]):
            break
        titles.append([cell.strip() for cell in line.rstrip("\t\r\n ").split("\t")])
    return titles


def _is_title(line: str) -> bool:
    """Whether a line is one of WITec's titles: between tabs, of the axis or of its units."""
    first, tab, remainder = line.partition("\t")
    return bool(tab) and (first.strip() == "X-Axis" or remainder.startswith("CCD cts"))


def _cube(
    path: Path, units: Sequence[str] | None, names: Sequence[str], table: NDArray[np.float64]
) -> Cube:
    """Return the spectra of a table, (band, column), as a map or as a list.

    Parameters
    ----------
    units : sequence of str, optional
        Unit of the axis, then of each spectrum.
    names : sequence of str
        Of the spectra; empty where there are none.
    """
    axis = axis_in(units[0], table[:, 0]) if units else None
    if axis is None:  # WITec measures Raman spectra, and writes nothing else like this
        axis = SpectralAxis(table[:, 0], "1/cm", "raman_shift", guessed=True)
    parameters: dict[str, Any] = {"name": path.stem, "history": (f"read {path.name}",)}
    if units:
        parameters["intensity_unit"] = _COUNTS.get(units[1].lower(), units[1]) or None
    spectra = table[:, 1:].T  # (spectrum, band)
    data = _map(spectra, names)
    if data is not None:  # indices of pixels: nothing states their size
        name = _PIXEL.sub("", names[0]).strip()
        return Cube(data, axis, metadata={"witec": {"name": name}}, **parameters)
    if names:
        parameters["metadata"] = {"spectra names": names}
    if len(spectra) > 1:
        _warn_of_list(path, len(spectra))
    return Cube.from_spectra(spectra, axis, **parameters)


def _map(spectra: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64] | None:
    """Return spectra, (spectrum, band), as (band, y, x), where all names have a pixel."""
    matches = [match for match in map(_PIXEL.search, names) if match is not None]
    if len(matches) != len(spectra) or len(spectra) < 2:
        return None
    x = np.array([int(match[1]) for match in matches])
    y = np.array([int(match[2]) for match in matches])
    spectral_map = map_from_positions(spectra, y, x)
    return None if spectral_map is None else spectral_map.data


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
