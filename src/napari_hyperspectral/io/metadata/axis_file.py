"""An axis in a file of its own: numbers in a text or CSV file, or JSON.

A text holds a number a line, or a table of which the first column is the axis (a spectrum saved
elsewhere will do); a heading may name the quantity with its unit. JSON is a list of numbers, the
axis that `axis.axis_to_json` gives, a sidecar of ours, or an object with one list of numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ...axis import ChannelAxis, SpectralAxis, axis_from_json
from ...errors import FileFormatError
from ..text.file import decoded
from .units import axis_in

_MOST_BYTES: Final = 64 * 2**20
_REMEDY: Final = "give a file with a number a line, a table whose first column they are, or JSON"
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read_axis(path: str | Path) -> SpectralAxis:
    """Read an axis; without a unit that the file names, it is one of bare numbers.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it holds no numbers that make an axis.
    """
    path = Path(path)
    if path.stat().st_size > _MOST_BYTES:
        raise FileFormatError(path, f"more than {_MOST_BYTES:,} bytes", _REMEDY)
    text = decoded(path.read_bytes())
    try:
        return (
            _from_json(text)
            if path.suffix.lower() == ".json"
            else _from_text(text, _comma(text, path.suffix.lower()))
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise FileFormatError(path, f"no axis in it ({error})", _REMEDY) from error


def _from_json(text: str) -> SpectralAxis:
    about = json.loads(text)
    if isinstance(about, Mapping) and isinstance(about.get("axis"), Mapping):
        about = about["axis"]
    if isinstance(about, list):
        return SpectralAxis(about)
    if not isinstance(about, Mapping):
        raise ValueError(f"found {type(about).__name__}")
    if {"centres", "channels"} & set(about):
        axis = axis_from_json(about)
        if isinstance(axis, ChannelAxis):
            raise ValueError(f"it names {axis}")
        return axis
    lists = {name: v for name, v in about.items() if isinstance(v, list) and v}
    if len(lists) != 1:
        raise ValueError(f"found {len(lists)} lists of numbers")
    ((name, values),) = lists.items()
    words = [str(about.get(key, "")) for key in ("unit", "units", "wavelength units")]
    return _named(values, *words, name)


def _from_text(text: str, comma: str) -> SpectralAxis:
    rows = [_words(line, comma) for line in text.splitlines() if line.strip()]
    values = [[float(word) for word in row if word] for row in rows if _is_number(row[0])]
    titles = [row[0].strip("#") for row in rows if not _is_number(row[0])]
    if len(titles) > max(20, len(values)):
        raise ValueError("most of its lines begin with no number")
    first = values[0] if len(values) == 1 else [row[0] for row in values]
    return _named(first, *reversed(titles))


def _named(values: list[Any], *words: str) -> SpectralAxis:
    """Return an axis in the unit that the first of some words spells, if any does."""
    named = (axis_in(word, values) for word in words if word)
    return next((axis for axis in named if axis is not None), None) or SpectralAxis(values)


def _words(line: str, comma: str) -> list[str]:
    """Return the columns of a line; a comma is a decimal one where something else parts them."""
    others = re.split(r"[;\t]|(?<=\d),?\s+(?=[-+.\d])", line.strip())
    if len(others) > 1 or comma == ".":
        return [word.strip().strip('"').replace(",", ".") for word in others]
    return [word.strip().strip('"') for word in line.split(",")]


def _is_number(word: str) -> bool:
    return bool(_NUMBER.fullmatch(word))


def _comma(text: str, suffix: str) -> str:
    """Return what a comma is in a text: "." where each line has one, in one number."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    decimal = all(re.fullmatch(r"[-+]?\d+,\d+", line) for line in lines[1:]) and len(lines) > 1
    return "." if decimal and suffix != ".csv" else ","
