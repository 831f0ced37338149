"""WITec text: the axis and a column for each spectrum, with two lines of titles, one, or none.

As Project and Control FIVE write it (Export > Table). A map names each column by its place,
``Map_000_Spec.Data 1_F(3/1)``: x, then y. Without titles nothing tells the size of a map: it is a
list of spectra then, which the dock Axis folds into rows.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..metadata.positions import on_a_map
from ..metadata.units import axis_in
from ..source import Source
from .file import numbers_in, read_text, start_of_text

_PLACE: Final = re.compile(r"\((\d+)/(\d+)\)\s*$")
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
    """Read spectra, placed where the titles of their columns say.

    Raises
    ------
    FileFormatError
        If lines differ in length, or something below the titles is no number.
    """
    path = source.path
    lines = read_text(path).splitlines()
    titles = []
    for line in lines[:3]:
        if _is_number(line.split("\t")[0]):
            break
        titles.append([field.strip() for field in line.rstrip("\t\r\n ").split("\t")])
    body = [line for line in lines[len(titles) :] if line.strip()]
    if not body:
        raise FileFormatError(path, "no numbers in it", "export it again from WITec")
    columns = body[0].rstrip("\t\r ").count("\t") + 1
    table = numbers_in(path, body, columns, len(titles) + 1)
    if columns < 2 or any(len(title) != columns for title in titles):
        sizes = ", ".join(str(len(title)) for title in titles)
        raise FileFormatError(
            path, f"{columns} columns of numbers under titles for {sizes or 0}", "export it again"
        )
    return [_cube(path, titles, table)]


def _is_title(line: str) -> bool:
    """Whether a line is one of WITec's titles: between tabs, of the axis or of its units."""
    first, tab, rest = line.partition("\t")
    return bool(tab) and (first.strip() == "X-Axis" or rest.startswith("CCD cts"))


def _cube(path: Path, titles: list[list[str]], table: Any) -> Cube:
    units = next((t for t in titles if axis_in(t[0], [0.0]) is not None), None)
    names = next((t[1:] for t in titles if t is not units), [])
    axis = axis_in(units[0], table[:, 0]) if units else None
    if axis is None:  # WITec measures Raman spectra, and writes nothing else like this
        axis = SpectralAxis(table[:, 0], "1/cm", "raman_shift", guessed=True)
    about: dict[str, Any] = {"name": path.stem, "history": (f"read {path.name}",)}
    if units:
        about["intensity_unit"] = _COUNTS.get(units[1].lower(), units[1]) or None
    spectra = table[:, 1:].T
    places = [_PLACE.search(name) for name in names]
    found = [place for place in places if place is not None]
    if len(found) == len(spectra) > 1:
        x, y = (np.array([int(place[n]) for place in found]) for n in (1, 2))
        placed = on_a_map(spectra, y, x)
        if placed is not None:  # indices of pixels: nothing tells their size
            name = _PLACE.sub("", names[0]).strip()
            return Cube(placed.data, axis, metadata={"witec": {"name": name}}, **about)
    if names:
        about["metadata"] = {"spectra names": names}
    if len(spectra) > 1:
        _say_how_to_fold(path, len(spectra))
    return Cube.from_spectra(spectra, axis, **about)


def _say_how_to_fold(path: Path, count: int) -> None:
    side = int(np.sqrt(count))
    guess = f" (a square of {side} × {side}?)" if side**2 == count else ""
    warnings.warn(
        f"{path.name}: {count} spectra without places{guess}; if they are a map, fold them into "
        "rows with the dock Axis, or `napari-hyperspectral axis … --step 'fold columns=…'`",
        stacklevel=2,
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
