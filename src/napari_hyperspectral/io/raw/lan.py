"""ERDAS 7.x .lan and .gis: 128 bytes of header, then the bands of each row in turn.

Source: ERDAS, "Image Processing System 7.5, file formats"; GDAL describes it in
https://gdal.org/en/stable/drivers/raster/lan.html. All numbers are little-endian.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import Bytes
from ..metadata.fields import CubeFields
from ..metadata.named_arrays import wavelength_unit
from ..source import Source

_HEADER: Final = 128
"""Bytes of the header."""
_MAGIC: Final = 0  # offsets of its entries
_PACKING: Final = 6
_SIZES: Final = 16
_PROJECTION: Final = 88
_UNIT: Final = 106
_PIXELS: Final = 112
_TYPES: Final = {0: "u1", 2: "<i2"}  # by packing; 1 has two pixels in a byte
_UNITS: Final = {1: "m", 2: "ft"}


def read_images(source: Source) -> list[Image]:
    """Map the bands of a file; wavelengths come from a companion, a ``.spc`` text.

    Raises
    ------
    FileFormatError
        If it is no such file, its pixels are of 4 bits, or it is too short.
    """
    path = source.path
    raw = Bytes(path)
    magic = raw.take(_MAGIC, 6, "the header")
    if magic not in (b"HEAD74", b"HEADER"):
        raise FileFormatError(
            path, f"it begins with {magic!r}", "an ERDAS file begins with HEAD74 or HEADER"
        )
    packing, bands = raw.unpack("<HH", _PACKING, "the header")
    # before version 7.4 sizes were floating-point numbers
    layout = "<ii" if magic == b"HEAD74" else "<ff"
    columns, rows = (_size(path, value) for value in raw.unpack(layout, _SIZES, "the header"))
    if packing not in _TYPES:
        kind = "4 bits" if packing == 1 else f"type {packing}"
        raise FileFormatError(path, f"pixels of {kind}", "save it with 8 or 16 bits")
    dtype = np.dtype(_TYPES[packing])
    shape = (rows, bands, columns)
    needed = _HEADER + math.prod(shape) * dtype.itemsize
    if not math.prod(shape) or len(raw) < needed:
        raise FileFormatError(
            path,
            f"{len(raw)} bytes for {bands} bands of {rows} × {columns}, they need {needed}",
            "copy it again, it may be incomplete",
        )
    data = mapped(path, dtype, shape, _HEADER).transpose(1, 0, 2)
    fields = _map_fields(raw)
    fields["name"] = path.stem
    fields["history"] = (f"read {path.name}",)
    return [Cube(data, _axis(path, bands), **fields)]


def _size(path: Path, value: float) -> int:
    if not math.isfinite(value) or value < 0:
        raise FileFormatError(path, f"a size of {value}", "copy it again, it may be damaged")
    return int(value)


def _map_fields(raw: Bytes) -> CubeFields:
    """Return size and position of pixels on the map, where the file is georeferenced."""
    projection = raw.number("<H", _PROJECTION, "the header")
    x, y, width, height = raw.unpack("<ffff", _PIXELS, "the header")
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        return CubeFields()
    return CubeFields(
        pixel_size=(height, width),
        pixel_unit=_UNITS.get(raw.number("<H", _UNIT, "the header")),
        georeference={"erdas": {"projection": projection, "x": x, "y": y}},
    )


def _axis(path: Path, bands: int) -> SpectralAxis:
    """Return the wavelengths of a companion: one line a band, centre and perhaps width."""
    companions = [path.with_suffix(suffix) for suffix in (".spc", ".SPC")]
    companion = next((file for file in companions if file.is_file()), None)
    if companion is None:
        return SpectralAxis.index(bands)
    rows = _rows(companion.read_text(encoding="latin-1"))
    if len(rows) != bands or not all(math.isfinite(row[0]) for row in rows):
        return SpectralAxis.index(bands)
    centres = np.array([row[0] for row in rows])
    widths = [row[1] for row in rows if len(row) > 1 and 0 < row[1] < math.inf]
    return SpectralAxis(
        centres,
        wavelength_unit(centres),
        "wavelength",
        widths=widths if len(widths) == bands else None,
        guessed=True,
    )


def _rows(text: str) -> list[list[float]]:
    """Return the lines of a text that hold numbers only; there may be words above them."""
    rows = []
    for line in text.splitlines():
        try:
            row = [float(word) for word in re.split(r"[,\s]+", line.strip()) if word]
        except ValueError:
            continue
        if row:
            rows.append(row)
    return rows
