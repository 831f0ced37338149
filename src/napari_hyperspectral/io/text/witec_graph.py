"""WITec's graph in text: a header with sizes, and the axis and all spectra as one column each.

Project and Control write three files, "scan (Header).txt", "scan (X-Axis).txt" and
"scan (Y-Axis).txt" (Export > Graph ASCII), or one with sections in brackets. Spectra follow each other
pixel by pixel, x fastest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...axis import SpectralAxis
from ...cube import Cube
from ...errors import FileFormatError
from ...metrics.values import Floats
from ..metadata.units import axis_in, length_unit
from .file import read_text, start_of_text

_PART: Final = re.compile(r"(.*)\((Header|X-Axis|Y-Axis)\)(\.[^.]+)", re.IGNORECASE)
_PARTS: Final = ("Header", "X-Axis", "Y-Axis")
_ENTRY: Final = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*")
_SIZES: Final = ("SizeX", "SizeY", "SizeGraph")
_COUNTS: Final = {"ccd cts": "counts", "cts": "counts"}
_EXPORT: Final = "export it again from WITec: header, x axis and y axis belong together"


def header_of(path: Path) -> Path | None:
    """Return the header of the graph that a file is part of; None where it is none."""
    part = _PART.fullmatch(path.name)
    if part is not None:
        path = _part(path, "Header")
    if not path.is_file():
        return None
    text = start_of_text(path)
    is_header = "[Header]" in text and all(f"{size}" in text for size in _SIZES)
    return path if is_header else None


def read_graph(path: Path) -> Cube:
    """Return the map, line or spectrum of a header and the numbers that belong to it.

    Raises
    ------
    FileFormatError
        If a part is missing, or holds another number of values than the header states.
    """
    sections = _sections(read_text(path))
    entries = dict(_entries(sections.pop("Header", "")))
    width, height, bands = (_size(path, entries, key) for key in _SIZES)
    columns = [_numbers(path, text) for text in sections.values()]
    columns = [column for column in columns if len(column)]
    if len(columns) < 2:
        columns = [_column(_part(path, part)) for part in _PARTS[1:]]
    centres, values = columns[:2]
    expected = bands * width * height
    if len(centres) != bands or len(values) != expected:
        raise FileFormatError(
            path,
            f"{len(centres)} numbers on the axis and {len(values)} values, the header states {bands} "
            f"and {width} × {height} × {bands} = {expected}",
            _EXPORT,
        )
    spectra = values.reshape(height, width, bands)
    axis = axis_in(entries.get("XAxisUnit", ""), centres)
    if axis is None:
        axis = SpectralAxis(centres, "1/cm", "raman_shift", guessed=True)
    elif axis.unit == "1/cm":
        axis = SpectralAxis(axis.centres, "1/cm", "raman_shift")
    unit = entries.get("DataUnit", "")
    return Cube(
        spectra.transpose(2, 0, 1),
        axis,
        name=entries.get("GraphName") or path.stem,
        history=(f"read {path.name}",),
        intensity_unit=_COUNTS.get(unit.lower(), unit) or None,
        metadata={"witec": dict(entries)},
        **_place(entries, height, width),
    )


def _place(entries: Mapping[str, str], height: int, width: int) -> dict[str, Any]:
    """Return size and origin of pixels of a scan, as parameters of `Cube`."""
    names = ("ScanHeight", "ScanWidth", "ScanOriginY", "ScanOriginX")
    try:
        whole_y, whole_x, y, x = (float(entries.get(name) or "nan") for name in names)
    except ValueError:
        return {}
    unit = length_unit(entries.get("ScanUnit", ""))
    if unit is None or not (whole_y > 0 and whole_x > 0):
        return {}
    place: dict[str, Any] = {"pixel_size": (whole_y / height, whole_x / width), "pixel_unit": unit}
    if np.isfinite([y, x]).all():
        place["origin"] = (y, x)
    return place


def _part(path: Path, part: str) -> Path:
    """Return another file of the same graph."""
    match = _PART.fullmatch(path.name)
    if match is None:
        return path.with_name(f"{path.stem} ({part}){path.suffix}")
    return path.with_name(f"{match[1]}({part}){match[3]}")


def _sections(text: str) -> dict[str, str]:
    """Return the text below each title in brackets."""
    parts = re.split(r"(?m)^\s*\[(\w[^\]]*)\]\s*$", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _entries(text: str) -> list[tuple[str, str]]:
    matches = [_ENTRY.fullmatch(line) for line in text.splitlines()]
    return [(match[1], match[2]) for match in matches if match]


def _size(path: Path, entries: Mapping[str, str], key: str) -> int:
    text = entries.get(key, "")
    if not text.isdecimal() or not int(text):
        raise FileFormatError(path, f"{key} is {text!r}", _EXPORT)
    return int(text)


def _column(path: Path) -> Floats:
    if not path.is_file():
        raise FileFormatError(path, "this part of the graph is missing", _EXPORT)
    return _numbers(path, read_text(path))


def _numbers(path: Path, text: str) -> Floats:
    """Return the numbers in a text, shape (number,); titles above them may be there."""
    words = text.split()
    while words and not re.match(r"[-+.\d]", words[0]):
        words = words[1:]
    try:
        return np.array(words, np.float64)
    except ValueError as error:
        raise FileFormatError(path, f"no number ({error})", _EXPORT) from error
