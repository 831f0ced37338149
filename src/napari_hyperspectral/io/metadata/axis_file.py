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
from ...files.regular import check_regular
from ...system.paths import user_path
from ..text.file import decoded
from .units import axis_from_title, axis_in, stated_axis

_MOST_BYTES: Final = 64 * 2**20
_MOST_TITLES: Final = 20
"""Lines without a number that a text may have, however few numbers follow."""
_REMEDY: Final = "give a file with a number a line, a table whose first column they are, or JSON"
_UNIT_KEYS: Final = ("unit", "units", "wavelength units")
_NUMBER: Final = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+,\d+")
_SEPARATOR: Final = re.compile(r"[;\t]|(?<=\d),?\s+(?=[-+.\d])")
"""What separates columns, but for a comma alone: that may be a decimal one."""


def read_axis(path: str | Path) -> SpectralAxis:
    """Read an axis; without a unit that the file names, it is one of bare numbers.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it holds no numbers that make an axis.
    """
    path = user_path(path)
    if path.stat().st_size > _MOST_BYTES:
        raise FileFormatError(path, f"more than {_MOST_BYTES:,} bytes", _REMEDY)
    check_regular(path)
    text = decoded(path.read_bytes())
    suffix = path.suffix.lower()
    try:
        if suffix == ".json":
            return _from_json(text)
        return _from_text(text, decimal_comma=suffix != ".csv" and _has_decimal_commas(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise FileFormatError(path, f"no axis in it ({error})", _REMEDY) from error


def _from_json(text: str) -> SpectralAxis:
    """Return the axis in a JSON text.

    Raises
    ------
    ValueError
        If there is none, or several could be meant.
    """
    document = json.loads(text)
    if isinstance(document, Mapping) and isinstance(document.get("axis"), Mapping):
        document = document["axis"]  # a sidecar
    if isinstance(document, list):
        return SpectralAxis(document)
    if not isinstance(document, Mapping):
        raise ValueError(f"found {type(document).__name__}")
    if {"centres", "channels"} & set(document):
        axis = axis_from_json(document)
        if isinstance(axis, ChannelAxis):
            raise ValueError(f"it names {axis}")
        return axis
    lists = {key: value for key, value in document.items() if isinstance(value, list) and value}
    if len(lists) != 1:
        raise ValueError(f"found {len(lists)} lists of numbers")
    ((key, values),) = lists.items()
    for unit_key in _UNIT_KEYS:
        stated = stated_axis(str(document.get(unit_key, "")), values, name=key)
        if stated is not None:
            return stated
    return _axis_in_first_unit(values, key)


def _from_text(text: str, *, decimal_comma: bool) -> SpectralAxis:
    """Return the axis in the first column of a text, or in its only row of numbers.

    Raises
    ------
    ValueError
        If the text is prose rather than numbers.
    """
    rows = [_columns(line, decimal_comma) for line in text.splitlines() if line.strip()]
    numbers = [row for row in rows if _is_number(row[0])]
    titles = [row[0].strip("#") for row in rows if not _is_number(row[0])]
    if len(titles) > max(_MOST_TITLES, len(numbers)):
        raise ValueError("most of its lines begin with no number")
    values = [[float(word) for word in row if word] for row in numbers]
    centres = values[0] if len(values) == 1 else [row[0] for row in values]
    # the title nearest to the numbers is the heading of their column
    return _axis_in_first_unit(centres, *reversed(titles))


def _axis_in_first_unit(values: list[Any], *texts: str) -> SpectralAxis:
    """Return an axis in the unit that the first of some texts spells, if any does."""
    for text in texts:
        axis = axis_in(text, values) if text else None
        if axis is not None:
            return axis
    for text in texts:  # a unit that is not known, behind the name of a quantity
        axis = axis_from_title(text, values)
        if axis is not None:
            return axis
    return SpectralAxis(values)


def _columns(line: str, decimal_comma: bool) -> list[str]:
    """Return the columns of a line; a comma is a decimal one where something else separates them."""
    words = _SEPARATOR.split(line.strip())
    if len(words) == 1 and not decimal_comma:
        words = line.split(",")
    return [word.strip().strip('"').replace(",", ".") for word in words]


def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None


def _has_decimal_commas(text: str) -> bool:
    """Whether each line below the first is one number with a comma in it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbers = lines[1:]  # the first may be a heading
    return len(numbers) > 0 and all(map(_DECIMAL_COMMA.fullmatch, numbers))
