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
from ..metadata.named_arrays import wavelength_unit
from ..source import Source

_WORDS: Final = ("BYTEORDER", "LAYOUT", "NROWS", "NCOLS", "NBANDS", "NBITS", "PIXELTYPE")
_TYPES: Final = {
    ("8", ""): "u1", ("16", ""): "u2", ("32", ""): "u4",
    ("8", "SIGNEDINT"): "i1", ("16", "SIGNEDINT"): "i2", ("32", "SIGNEDINT"): "i4",
    ("8", "UNSIGNEDINT"): "u1", ("16", "UNSIGNEDINT"): "u2", ("32", "UNSIGNEDINT"): "u4",
    ("32", "FLOAT"): "f4", ("64", "FLOAT"): "f8",
}  # fmt: skip
_TO_BAND_YX: Final = {
    "BIL": ("ybx", (1, 0, 2)),
    "BIP": ("yxb", (2, 0, 1)),
    "BSQ": ("byx", (0, 1, 2)),
}
"""Layout: order of axes in the file, transposition to (band, y, x)."""


def is_esri(path: Path) -> bool:
    """Whether the header of a file begins with a word of ESRI's."""
    try:
        with path.with_suffix(".hdr").open("rb") as file:
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
    axis = SpectralAxis.index(_size(path, words, "NBANDS", 1))
    if len(centres) == len(axis):
        axis = SpectralAxis(centres, wavelength_unit(np.array(centres)), "wavelength", guessed=True)
    data = _mapped(path, words, len(axis))
    about: dict[str, Any] = {"name": path.stem, "history": (f"read {path.name}",)}
    if "XDIM" in words and "YDIM" in words:
        about["pixel_size"] = tuple(_number(path, k, words[k]) for k in ("YDIM", "XDIM"))
    return [Cube(data, axis, metadata={"esri": words}, **about)]


def _header(path: Path) -> tuple[dict[str, str], list[float]]:
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
    rows, columns = _size(path, words, "NROWS"), _size(path, words, "NCOLS")
    layout = words.get("LAYOUT", "BIL").upper()
    kind = (words.get("NBITS", "8"), words.get("PIXELTYPE", "").upper())
    if layout not in _TO_BAND_YX or kind not in _TYPES:
        found = f"layout {layout}, {kind[0]} bits {kind[1]}".strip()
        raise FileFormatError(path, found, "wanted BIL, BIP or BSQ of 8 to 64 bits")
    order, transpose = _TO_BAND_YX[layout]
    motorola = words.get("BYTEORDER", "I").upper().startswith("M")
    dtype = np.dtype((">" if motorola else "<") + _TYPES[kind])
    _refuse_gaps(path, words, layout, (bands, columns), dtype.itemsize)
    shape = tuple({"b": bands, "y": rows, "x": columns}[letter] for letter in order)
    skip = _size(path, words, "SKIPBYTES", 0)
    file = _data_file(path, layout)
    wanted, size = skip + math.prod(shape) * dtype.itemsize, file.stat().st_size
    if size < wanted:
        raise FileFormatError(
            path, f"{file.name} has {size} bytes, the header needs {wanted}", "copy it again"
        )
    return mapped(file, dtype, shape, skip).transpose(transpose)


def _refuse_gaps(
    path: Path, words: Mapping[str, str], layout: str, shape: tuple[int, int], item: int
) -> None:
    bands, columns = shape
    row = columns * item
    tight = {
        "BANDROWBYTES": row,
        "TOTALROWBYTES": row if layout == "BSQ" else bands * row,
        "BANDGAPBYTES": 0,
    }
    for key, wanted in tight.items():
        found = _size(path, words, key, wanted)
        if found != wanted and not (layout == "BIP" and key == "BANDROWBYTES"):
            raise FileFormatError(
                path, f"{key} is {found}, without gaps it is {wanted}", "save it without gaps"
            )


def _data_file(path: Path, layout: str) -> Path:
    names = [path.stem + suffix for suffix in (f".{layout.lower()}", ".img", ".raw", ".dat", "")]
    beside = {file.name.lower(): file for file in path.parent.iterdir() if file.is_file()}
    for name in names:
        if name.lower() in beside:
            return beside[name.lower()]
    raise FileFormatError(
        path,
        f"its data file is missing (looked for {', '.join(names)})",
        "put it beside the header",
    )


def _size(path: Path, words: Mapping[str, str], key: str, missing: int | None = None) -> int:
    text = words.get(key, "" if missing is None else str(missing))
    if not text.isdecimal() or (key in ("NROWS", "NCOLS", "NBANDS") and not int(text)):
        raise FileFormatError(
            path, f"{key} is {text!r}" if text else f"it lacks {key}", "wanted a whole number"
        )
    return int(text)


def _number(path: Path, key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise FileFormatError(path, f"{key} is {text!r}", "wanted a number") from error
