"""Ripple (Lispix): a text of keys, ``.rpl``, beside a raw file.

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
from ..metadata.units import axis_in, length_unit
from ..source import Source
from ..text.file import read_text

_TO_BAND_YX: Final = {  # record-by: (file order of axes, transposition to (band, y, x))
    "vector": (("height", "width", "depth"), (2, 0, 1)),
    "image": (("depth", "height", "width"), (0, 1, 2)),
    "dont-care": (("height", "width", "depth"), (2, 0, 1)),
}
_KINDS: Final = {"signed": "i", "unsigned": "u", "float": "f"}
_ORDERS: Final = {"little-endian": "<", "big-endian": ">", "dont-care": "="}
_KNOWN: Final = ("width", "height", "depth", "offset", "data-length", "data-type", "byte-order",
                 "record-by", "title")  # fmt: skip


def is_ripple(path: Path) -> bool:
    """Whether a file is a header of Ripple's, or raw data that lie beside one."""
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
    height, width = (abs(_real(keys, f"{name}-scale", 1.0)) or 1.0 for name in ("height", "width"))
    return [
        Cube(
            data,
            _axis(keys, len(data)),
            name=keys.get("title") or path.stem,
            history=(f"read {path.name}",),
            pixel_size=(height, width),
            origin=(_real(keys, "height-origin", 0.0), _real(keys, "width-origin", 0.0)),
            pixel_unit=length_unit(keys.get("width-units")),
            metadata={"ripple": {k: v for k, v in keys.items() if k not in _KNOWN}},
        )
    ]


def _header_of(path: Path) -> Path | None:
    try:
        beside = {file.name.lower(): file for file in path.parent.iterdir()}
    except OSError:
        return None
    return beside.get(f"{path.stem}.rpl".lower())


def _keys(path: Path) -> dict[str, str]:
    keys: dict[str, str] = {}
    for line in read_text(path).splitlines():
        text = line.partition(";")[0].strip()
        key, _, value = text.replace("\t", " ").partition(" ")
        if key and value.strip():
            keys[key.lower()] = value.strip()
    return keys


def _mapped(path: Path, keys: Mapping[str, str]) -> NDArray[Any]:
    record = keys.get("record-by", "dont-care").lower()
    kind, order = keys.get("data-type", "").lower(), keys.get("byte-order", "dont-care").lower()
    length = _whole(path, keys, "data-length")
    if record not in _TO_BAND_YX or kind not in _KINDS or order not in _ORDERS:
        raise FileFormatError(
            path,
            f"record-by {record!r}, data-type {kind!r}, byte-order {order!r}",
            f"wanted one of {', '.join(_TO_BAND_YX)}; {', '.join(_KINDS)}; {', '.join(_ORDERS)}",
        )
    if length not in ((4, 8) if kind == "float" else (1, 2, 4, 8)):
        raise FileFormatError(path, f"{kind} of {length} bytes", "there is no such number")
    dtype = np.dtype(f"{_ORDERS[order]}{_KINDS[kind]}{length}")
    names, transpose = _TO_BAND_YX[record]
    shape = tuple(_whole(path, keys, name) for name in names)
    if min(shape) < 1:
        raise FileFormatError(path, f"contains no data {shape}", "mend the header")
    offset = _whole(path, keys, "offset", 0)
    file = _raw_file(path)
    wanted, size = offset + math.prod(shape) * length, file.stat().st_size
    if size < wanted:
        raise FileFormatError(
            path, f"{file.name} has {size} bytes, the header needs {wanted}", "copy it again"
        )
    return mapped(file, dtype, shape, offset).transpose(transpose)


def _raw_file(path: Path) -> Path:
    beside = {file.name.lower(): file for file in path.parent.iterdir()}
    found = beside.get(f"{path.stem}.raw".lower())
    if found is None:
        raise FileFormatError(path, f"{path.stem}.raw is missing", "put it beside the header")
    return found


def _axis(keys: Mapping[str, str], bands: int) -> SpectralAxis:
    step = _real(keys, "depth-scale", _real(keys, "ev-per-chan", 0.0))
    unit = keys.get("depth-units", "eV" if "ev-per-chan" in keys else "")
    if not step:
        return SpectralAxis.index(bands)
    centres = _real(keys, "depth-origin", 0.0) + step * np.arange(bands)
    return axis_in(unit, centres) or SpectralAxis(centres, guessed=True)


def _whole(path: Path, keys: Mapping[str, str], key: str, missing: int | None = None) -> int:
    text = keys.get(key, "" if missing is None else str(missing))
    if not re.fullmatch(r"\d{1,15}", text):
        raise FileFormatError(
            path, f"{key} is {text!r}" if text else f"it lacks {key}", "wanted a whole number"
        )
    return int(text)


def _real(keys: Mapping[str, str], key: str, missing: float) -> float:
    try:
        value = float(keys.get(key, missing))
    except ValueError:
        return missing
    return value if math.isfinite(value) else missing
