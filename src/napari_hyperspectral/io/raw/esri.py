"""ESRI BIL, BIP and BSQ: a header of plain words beside a raw file.

Source: Esri, "BIL, BIP, and BSQ raster files",
https://desktop.arcgis.com/en/arcmap/latest/manage-data/raster-and-images/bil-bip-and-bsq-raster-files.htm.
Some spectrometers add a list between the words WAVELENGTHS and WAVELENGTHS_END.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..metadata.fields import Geometry
from ..metadata.named_arrays import wavelength_unit
from ..source import Source

_WORDS: Final = ("BYTEORDER", "LAYOUT", "NROWS", "NCOLS", "NBANDS", "NBITS", "PIXELTYPE")
_TYPES: Final = {  # NBITS and PIXELTYPE
    ("8", ""): "u1", ("16", ""): "u2", ("32", ""): "u4",
    ("8", "SIGNEDINT"): "i1", ("16", "SIGNEDINT"): "i2", ("32", "SIGNEDINT"): "i4",
    ("8", "UNSIGNEDINT"): "u1", ("16", "UNSIGNEDINT"): "u2", ("32", "UNSIGNEDINT"): "u4",
    ("32", "FLOAT"): "f4", ("64", "FLOAT"): "f8",
}  # fmt: skip
_TO_BAND_YX: Final = {  # LAYOUT: (file order of axes, transpose to (band, y, x))
    "BIL": ("ybx", (1, 0, 2)),
    "BIP": ("yxb", (2, 0, 1)),
    "BSQ": ("byx", (0, 1, 2)),
}


def is_esri(path: Path) -> bool:
    """Whether the header of a file begins with a word of ESRI's."""
    header = path.with_suffix(".hdr")
    if not header.is_file():  # nor a pipe, which would be waited for
        return False
    try:
        with header.open("rb") as file:
            words = file.read(200).upper().split()
    except OSError:
        return False
    return bool(words) and words[0].decode("latin-1") in _WORDS


def read_images(source: Source) -> list[Image]:
    """Map the bands of a file.

    Raises
    ------
    FileFormatError
        If the header lacks a size, or the data file is missing or too short.
    """
    path = source.path.with_suffix(".hdr")
    words, centres = _header(path)
    bands = _size(path, words, "NBANDS", 1)
    axis = SpectralAxis.index(bands)
    if len(centres) == bands:
        axis = SpectralAxis(centres, wavelength_unit(np.array(centres)), "wavelength", guessed=True)
    geometry = Geometry()
    if "XDIM" in words and "YDIM" in words:
        height = _number(path, "YDIM", words["YDIM"])
        width = _number(path, "XDIM", words["XDIM"])
        geometry["pixel_size"] = (height, width)  # in a unit that the header does not state
    cube = Cube(
        _mapped(path, words, bands),
        axis,
        name=path.stem,
        history=(f"read {path.name}",),
        metadata={"esri": words},
        **geometry,
    )
    return [cube]


def _header(path: Path) -> tuple[dict[str, str], list[float]]:
    """Return the words of a header with what follows each on its line, and the wavelengths."""
    words: dict[str, str] = {}
    centres: list[float] = []
    listing = False
    for line in path.read_text(encoding="latin-1").splitlines():
        key, _, value = line.strip().partition(" ")
        if key.upper() in ("WAVELENGTHS", "WAVELENGTHS_END"):
            listing = key.upper() == "WAVELENGTHS"
        elif listing:
            centres.append(_number(path, "a wavelength", key))
        elif key:
            words[key.upper()] = value.strip()
    return words, centres


def _mapped(path: Path, words: Mapping[str, str], bands: int) -> NDArray[Any]:
    """Return the data as a memory map, shape (band, y, x)."""
    rows = _size(path, words, "NROWS")
    columns = _size(path, words, "NCOLS")
    layout = words.get("LAYOUT", "BIL").upper()
    kind = (words.get("NBITS", "8"), words.get("PIXELTYPE", "").upper())
    if layout not in _TO_BAND_YX or kind not in _TYPES:
        seen = f"layout {layout}, {kind[0]} bits {kind[1]}".strip()
        raise FileFormatError(path, seen, "it must be BIL, BIP or BSQ of 8 to 64 bits")
    is_big_endian = words.get("BYTEORDER", "I").upper().startswith("M")  # Intel, or Motorola
    dtype = np.dtype((">" if is_big_endian else "<") + _TYPES[kind])
    _refuse_gaps(path, words, layout, bands, columns * dtype.itemsize)
    order, transpose = _TO_BAND_YX[layout]
    sizes = {"b": bands, "y": rows, "x": columns}
    shape = tuple(sizes[letter] for letter in order)
    offset = _size(path, words, "SKIPBYTES", 0)
    file = _data_file(path, layout)
    needed = offset + math.prod(shape) * dtype.itemsize
    size = file.stat().st_size
    if size < needed:
        raise FileFormatError(
            path, f"{file.name} has {size} bytes, the header needs {needed}", "copy it again"
        )
    return mapped(file, dtype, shape, offset).transpose(transpose)


def _refuse_gaps(
    path: Path, words: Mapping[str, str], layout: str, bands: int, bytes_a_row: int
) -> None:
    """Refuse data with unused bytes between rows or bands."""
    sizes_without_gaps = {
        "BANDROWBYTES": bytes_a_row,
        "TOTALROWBYTES": bytes_a_row if layout == "BSQ" else bands * bytes_a_row,
        "BANDGAPBYTES": 0,
    }
    for key, expected in sizes_without_gaps.items():
        if layout == "BIP" and key == "BANDROWBYTES":
            continue  # bands have no rows of their own
        stated = _size(path, words, key, expected)
        if stated != expected:
            raise FileFormatError(
                path, f"{key} is {stated}, without gaps it is {expected}", "save it without gaps"
            )


def _data_file(path: Path, layout: str) -> Path:
    """Return the data file of a header, whatever the case of its name."""
    names = [path.stem + suffix for suffix in (f".{layout.lower()}", ".img", ".raw", ".dat", "")]
    files = {file.name.lower(): file for file in path.parent.iterdir() if file.is_file()}
    for name in names:
        if name.lower() in files:
            return files[name.lower()]
    raise FileFormatError(
        path,
        f"its data file is missing (looked for {', '.join(names)})",
        "put it beside the header",
    )


def _size(path: Path, words: Mapping[str, str], key: str, default: int | None = None) -> int:
    """Return a whole number of the header; a number of rows, columns or bands is not 0."""
    text = words.get(key, "" if default is None else str(default))
    may_be_zero = key not in ("NROWS", "NCOLS", "NBANDS")
    if not text.isdecimal() or not (may_be_zero or int(text)):
        seen = f"{key} is {text!r}" if text else f"it lacks {key}"
        raise FileFormatError(path, seen, "it must be a whole number")
    return int(text)


def _number(path: Path, key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise FileFormatError(path, f"{key} is {text!r}", "it must be a number") from error
