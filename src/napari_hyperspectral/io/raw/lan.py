"""ERDAS 7.x .lan and .gis: 128 bytes of header, then the bands of each line in turn.

Source: ERDAS, "Image Processing System 7.5, file formats"; GDAL describes it in
https://gdal.org/en/stable/drivers/raster/lan.html. All numbers are little-endian.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import Bytes
from ..metadata.named_arrays import wavelength_unit
from ..source import Source

_HEADER: Final = 128
_TYPES: Final = {0: "u1", 2: "<i2"}
_UNITS: Final = {1: "m", 2: "ft"}


def read_images(source: Source) -> list[Image]:
    """Map the bands of a file; wavelengths come from a ``.spc`` text beside it.

    Raises
    ------
    FileFormatError
        If it is no such file, its pixels are of 4 bits, or it is too short.
    """
    raw = Bytes(source.path)
    magic = raw.take(0, 6, "the header")
    if magic not in (b"HEAD74", b"HEADER"):
        raise FileFormatError(
            source.path, f"it begins with {magic!r}", "an ERDAS file begins with HEAD74 or HEADER"
        )
    packing, bands = raw.unpack("<HH", 6, "the header")
    # before version 7.4 sizes were floating-point numbers
    layout = "<ii" if magic == b"HEAD74" else "<ff"
    columns, rows = (_whole(source.path, n) for n in raw.unpack(layout, 16, "the header"))
    if packing not in _TYPES:
        kind = "4 bits" if packing == 1 else f"type {packing}"
        raise FileFormatError(source.path, f"pixels of {kind}", "save it with 8 or 16 bits")
    dtype = np.dtype(_TYPES[packing])
    shape = (rows, bands, columns)
    wanted = _HEADER + math.prod(shape) * dtype.itemsize
    if not math.prod(shape) or len(raw) < wanted:
        raise FileFormatError(
            source.path,
            f"{len(raw)} bytes for {bands} bands of {rows} × {columns}, they need {wanted}",
            "copy it again, it may be incomplete",
        )
    data = mapped(source.path, dtype, shape, _HEADER).transpose(1, 0, 2)
    return [
        Cube(
            data,
            _axis(source.path, bands),
            name=source.path.stem,
            history=(f"read {source.path.name}",),
            **_place(raw),
        )
    ]


def _whole(path: Path, value: float) -> int:
    if not math.isfinite(value) or value < 0:
        raise FileFormatError(path, f"a size of {value}", "copy it again, it may be damaged")
    return int(value)


def _place(raw: Bytes) -> dict[str, Any]:
    """Return pixel size and position, where the file has been put on a map."""
    kind = raw.number("<H", 88, "the header")
    x, y, width, height = raw.unpack("<ffff", 112, "the header")
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        return {}
    return {
        "pixel_size": (height, width),
        "pixel_unit": _UNITS.get(raw.number("<H", 106, "the header")),
        "georeference": {"erdas": {"projection": kind, "x": x, "y": y}},
    }


def _axis(path: Path, bands: int) -> SpectralAxis:
    """Return the wavelengths of a text beside the file: one line a band, centre and maybe width."""
    beside = next((p for p in map(path.with_suffix, (".spc", ".SPC")) if p.is_file()), None)
    if beside is None:
        return SpectralAxis.index(bands)
    rows = []
    for line in beside.read_text(encoding="latin-1").splitlines():
        try:
            rows.append([float(word) for word in re.split(r"[,\s]+", line.strip()) if word])
        except ValueError:  # words above the table
            continue
    rows = [row for row in rows if row]
    if len(rows) != bands or not all(math.isfinite(row[0]) for row in rows):
        return SpectralAxis.index(bands)
    centres = np.array([row[0] for row in rows])
    wide = [row[1] for row in rows if len(row) > 1 and 0 < row[1] < math.inf]
    return SpectralAxis(
        centres,
        wavelength_unit(centres),
        "wavelength",
        widths=wide if len(wide) == bands else None,
        guessed=True,
    )
