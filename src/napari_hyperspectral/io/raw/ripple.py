"""Ripple (Lispix): a header of keys, ``.rpl``, beside a raw file.

Source: D. Bright, NIST, "Lispix: the Ripple file format"; the keys that HyperSpy adds to it
(``depth-scale``, ``depth-origin``, ``depth-units`` and so on) say what axes mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...axis import SpectralAxis
from ...cube import Cube, Image
from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..metadata.units import length_unit, stated_axis
from ..source import Source
from ..text.file import read_text

_TO_BAND_YX: Final = {  # record-by: (file order of axes, transposition to (band, y, x))
    "vector": (("height", "width", "depth"), (2, 0, 1)),
    "image": (("depth", "height", "width"), (0, 1, 2)),
    "dont-care": (("height", "width", "depth"), (2, 0, 1)),
}
# first and second part of a dtype of NumPy
_KINDS: Final = {"signed": "i", "unsigned": "u", "float": "f"}
_ORDERS: Final = {"little-endian": "<", "big-endian": ">", "dont-care": "="}
_READ: Final = (
    *("width", "height", "depth", "offset", "data-length", "data-type", "byte-order"),
    *("record-by", "title"),
)
"""Keys that the cube itself has in another form; the others are kept as metadata."""


def is_ripple(path: Path) -> bool:
    """Whether a file is a header of Ripple's, or the raw data of one."""
    return path.suffix.lower() == ".rpl" or _header_of(path) is not None


def read_images(source: Source) -> list[Image]:
    """Map the data of a file.

    Raises
    ------
    FileFormatError
        If the header lacks a key, or the raw file is missing or too short.
    """
    path = source.path if source.path.suffix.lower() == ".rpl" else _header_of(source.path)
    if path is None:
        raise FileFormatError(source.path, "no .rpl beside it", "put its header into the folder")
    keys = _keys(path)
    data = _mapped(path, keys)
    # a scale of 0 stands for one that is not known
    height = abs(_real(keys, "height-scale", 1.0)) or 1.0
    width = abs(_real(keys, "width-scale", 1.0)) or 1.0
    cube = Cube(
        data,
        _axis(keys, len(data)),
        name=keys.get("title") or path.stem,
        history=(f"read {path.name}",),
        pixel_size=(height, width),
        origin=(_real(keys, "height-origin", 0.0), _real(keys, "width-origin", 0.0)),
        pixel_unit=length_unit(keys.get("width-units")),
        metadata={"ripple": {key: value for key, value in keys.items() if key not in _READ}},
    )
    return [cube]


def _header_of(path: Path) -> Path | None:
    """Return the header of raw data, whatever the case of its name; None where there is none."""
    try:
        files = {file.name.lower(): file for file in path.parent.iterdir()}
    except OSError:
        return None
    return files.get(f"{path.stem}.rpl".lower())


def _keys(path: Path) -> dict[str, str]:
    """Return the keys of a header, in lower case, and their values; comments follow a semicolon."""
    keys: dict[str, str] = {}
    for line in read_text(path).splitlines():
        text = line.partition(";")[0].strip()
        key, _, value = text.replace("\t", " ").partition(" ")
        if key and value.strip():
            keys[key.lower()] = value.strip()
    return keys


def _mapped(path: Path, keys: Mapping[str, str]) -> NDArray[Any]:
    """Return the data as a memory map, shape (band, y, x)."""
    record = keys.get("record-by", "dont-care").lower()
    if record not in _TO_BAND_YX:
        raise FileFormatError(
            path, f"record-by {record!r}", f"it must be one of {', '.join(_TO_BAND_YX)}"
        )
    dtype = _dtype(path, keys)
    names, transpose = _TO_BAND_YX[record]
    shape = tuple(_integer(path, keys, name) for name in names)
    if min(shape) < 1:
        raise FileFormatError(path, f"contains no data {shape}", "mend the header")
    offset = _integer(path, keys, "offset", 0)
    file = _raw_file(path)
    needed = offset + math.prod(shape) * dtype.itemsize
    size = file.stat().st_size
    if size < needed:
        raise FileFormatError(
            path, f"{file.name} has {size} bytes, the header needs {needed}", "copy it again"
        )
    return mapped(file, dtype, shape, offset).transpose(transpose)


def _dtype(path: Path, keys: Mapping[str, str]) -> np.dtype[Any]:
    """Return the type of the values in the raw file, with its byte order."""
    kind = keys.get("data-type", "").lower()
    order = keys.get("byte-order", "dont-care").lower()
    length = _integer(path, keys, "data-length")
    if kind not in _KINDS or order not in _ORDERS:
        raise FileFormatError(
            path,
            f"data-type {kind!r}, byte-order {order!r}",
            f"they must be one of {', '.join(_KINDS)}; {', '.join(_ORDERS)}",
        )
    if length not in ((4, 8) if kind == "float" else (1, 2, 4, 8)):
        raise FileFormatError(path, f"{kind} of {length} bytes", "there is no such number")
    return np.dtype(f"{_ORDERS[order]}{_KINDS[kind]}{length}")


def _raw_file(path: Path) -> Path:
    files = {file.name.lower(): file for file in path.parent.iterdir()}
    raw = files.get(f"{path.stem}.raw".lower())
    if raw is None:
        raise FileFormatError(path, f"{path.stem}.raw is missing", "put it beside the header")
    return raw


def _axis(keys: Mapping[str, str], bands: int) -> SpectralAxis:
    """Return the axis that HyperSpy's keys state, or Lispix's energy a channel; else an index."""
    per_channel = _real(keys, "ev-per-chan", 0.0)
    step = _real(keys, "depth-scale", per_channel)
    unit = keys.get("depth-units", "eV" if "ev-per-chan" in keys else "")
    if not step:
        return SpectralAxis.index(bands)
    centres = _real(keys, "depth-origin", 0.0) + step * np.arange(bands)
    return stated_axis(unit, centres) or SpectralAxis(centres, guessed=True)


def _integer(path: Path, keys: Mapping[str, str], key: str, default: int | None = None) -> int:
    text = keys.get(key, "" if default is None else str(default))
    if not re.fullmatch(r"\d{1,15}", text):  # longer ones are no sizes of files
        seen = f"{key} is {text!r}" if text else f"it lacks {key}"
        raise FileFormatError(path, seen, "it must be a whole number")
    return int(text)


def _real(keys: Mapping[str, str], key: str, default: float) -> float:
    """Return a finite number of the header; the default where it is none."""
    try:
        value = float(keys.get(key, default))
    except ValueError:
        return default
    return value if math.isfinite(value) else default
