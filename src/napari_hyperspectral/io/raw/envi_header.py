"""The text of an ENVI header: ``key = value`` and ``key = {a, list}``, written by many hands.

Byte order marks, latin-1, any line ends, comments, lists over many lines and lists that are
never closed have all been seen in real headers, and are read.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from ...errors import FileFormatError
from ...files.regular import check_regular
from ..text.file import decoded

EnviHeader: TypeAlias = Mapping[str, str]
"""Values by lower-case key; of a list, the text between its braces."""

OWN_KEY: Final = "napari hyperspectral"
"""Key of our own, for what ENVI has no key for."""
GEOREFERENCE_KEYS: Final = (
    "map info",
    "projection info",
    "coordinate system string",
    "geo points",
    "rpc info",
)

_ALIASES: Final = {  # what other programs call ENVI's keys
    "wavelengths": "wavelength",
    "wave length": "wavelength",
    "centre wavelengths": "wavelength",
    "center wavelengths": "wavelength",
    "wavelength unit": "wavelength units",
    "wavelengths unit": "wavelength units",
    "wavelengths units": "wavelength units",
    "wavelength(nm)": "wavelength",
}
_SPACED: Final = (
    *("wavelength units", "band names", "data type", "byte order", "header offset", "file type"),
    *("data ignore value", "map info", "pixel size", "coordinate system string"),
    *("projection info", "class names", "class lookup", "z plot titles"),
)
"""Keys that some programs write with an underscore."""
_LONGEST: Final = 64 * 2**20
"""Bytes; a header is text, so anything longer is something else."""
_OPENS_LIST: Final = re.compile(r"\s*[A-Za-z][^={}]*=\s*\{")


def read_header(path: Path) -> dict[str, str]:
    """Read an ENVI header.

    Raises
    ------
    FileFormatError
        If it is none: `.hdr` is also the suffix of ESRI, Analyze and other headers.
    """
    check_regular(path)
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:4].upper() != b"ENVI" or path.stat().st_size > _LONGEST:
            raise FileFormatError(
                path,
                f"not an ENVI header (its first line is {_first_line(start)}, expected 'ENVI')",
                "open the file it belongs to with a program of its own",
            )
        file.seek(0)
        raw = file.read()
    lines = decoded(raw).splitlines()
    return dict(_entries(lines[1:], path))


def list_items(text: str) -> list[str]:
    """Return the items of a list."""
    return [item for item in (part.strip() for part in text.split(",")) if item]


def list_numbers(text: str) -> list[float]:
    """Return the items of a list of list_numbers, however they are separated.

    Raises
    ------
    ValueError
        If one is no number.
    """
    return [float(item) for item in re.split(r"[,\s]+", text) if item]


def integer(header: EnviHeader, key: str, path: Path, default: int | None = None) -> int:
    """Return a whole number of the header.

    Raises
    ------
    FileFormatError
        If it is missing and has no `default`, or is no whole number.
    """
    text = header.get(key)
    if text is None:
        if default is not None:
            return default
        raise FileFormatError(path, f"the header lacks {key!r}", f"add a line '{key} = …'")
    try:
        value = float(text)  # some write 100.0
    except ValueError:
        value = float("nan")
    if not value == value // 1:  # neither is NaN nor infinity
        raise FileFormatError(path, f"{key} = {text!r} is no whole number", "mend that line")
    return int(value)


def warn(path: Path, what: str) -> None:
    """Warn of something in a header that is odd, but no reason to refuse the file."""
    warnings.warn(f"{path.name}: {what}", stacklevel=3)


def _entries(lines: list[str], path: Path) -> Iterator[tuple[str, str]]:
    """Yield the keys, in lower case and with single blanks, and their values."""
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if "=" not in line or line.lstrip().startswith(";"):
            continue
        key, _, value = line.partition("=")
        value = value.strip()
        if value.startswith("{"):
            if not _is_closed(value, lines[number:]):
                warn(path, f"the list of {key.strip()!r} is not closed: was the header cut short?")
            value, number = _list(value[1:], lines, number)
        yield _usual(key), value


def _usual(key: str) -> str:
    """Return a key as ENVI spells it, in lower case; others, as they are."""
    name = " ".join(key.lower().split())
    spaced = name.replace("_", " ")  # as GDAL writes them
    return _ALIASES.get(spaced, spaced if spaced in _SPACED else name)


def _is_closed(first: str, following: list[str]) -> bool:
    """Whether the brace of a list is closed before the next list begins."""
    if "}" in first:
        return True
    for line in following:
        if _OPENS_LIST.match(line):
            return False
        if "}" in line:
            return True
    return False


def _list(first: str, lines: list[str], number: int) -> tuple[str, int]:
    """Return the text of a list that starts in `first`, and the number of the line after it."""
    if "}" in first:
        return first[: first.rindex("}")].strip(), number
    closed = _is_closed(first, lines[number:])
    parts = [first]
    while number < len(lines):
        line = lines[number]
        if _OPENS_LIST.match(line) or (not closed and "=" in line):
            break  # the brace was never closed: here begins the next entry
        number += 1
        if "}" in line:
            parts.append(line[: line.rindex("}")])
            break
        if not line.lstrip().startswith(";"):
            parts.append(line)
    return "\n".join(parts).strip(), number


def _first_line(start: bytes) -> str:
    """Return how the first line of a file is shown in a message."""
    line = start.split(b"\n")[0][:40].decode("latin-1").strip()
    if line and line.isprintable():
        return repr(line)
    return "binary" if start else "empty"


def own_entry(header: EnviHeader) -> dict[str, Any]:
    """Return our own entry of a header; {} where it has none that is readable."""
    try:
        entry = json.loads(unquote(header.get(OWN_KEY, "")))
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}
