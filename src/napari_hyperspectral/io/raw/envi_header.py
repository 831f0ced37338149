"""The text of an ENVI header: ``key = value`` and ``key = {a, list}``, written by many hands.

Byte order marks, latin-1, any line ends, comments, lists over many lines and lists that are
never closed have all been seen in real headers, and are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from ...errors import FileFormatError
from ..text.file import decoded

Header: TypeAlias = Mapping[str, str]
"""Values by lower-case key; of a list, the text between its braces."""

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
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start[:4].upper() == b"ENVI" or path.stat().st_size > _LONGEST:
            raise FileFormatError(path, *_what_else(start))
        file.seek(0)
        raw = file.read()
    return dict(_entries(decoded(raw).splitlines()[1:]))


def listed(text: str) -> list[str]:
    """Return the items of a list."""
    return [item for item in (part.strip() for part in text.split(",")) if item]


def numbers(text: str) -> list[float]:
    """Return the items of a list of numbers, however they are separated.

    Raises
    ------
    ValueError
        If one is no number.
    """
    return [float(item) for item in re.split(r"[,\s]+", text) if item]


def whole(header: Header, key: str, path: Path, missing: int | None = None) -> int:
    """Return a whole number of the header.

    Raises
    ------
    FileFormatError
        If it is not there and not `missing` either, or is no whole number.
    """
    text = header.get(key)
    if text is None and missing is not None:
        return missing
    if text is None:
        raise FileFormatError(path, f"the header lacks {key!r}", f"add a line '{key} = …'")
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value == value // 1:
        raise FileFormatError(path, f"{key} = {text!r} is no whole number", "mend that line")
    return int(value)


def _entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(lines):
        line = lines[place]
        place += 1
        if "=" not in line or line.lstrip().startswith(";"):
            continue
        key, _, value = line.partition("=")
        value = value.strip()
        if value.startswith("{"):
            value, place = _list(value[1:], lines, place)
        yield " ".join(key.lower().split()), value


def _list(first: str, lines: list[str], place: int) -> tuple[str, int]:
    """Return the text of a list that starts in `first`, and the line after its end."""
    if "}" in first:
        return first[: first.rindex("}")].strip(), place
    closed = any("}" in line for line in lines[place:])
    parts = [first]
    while place < len(lines):
        line = lines[place]
        if _OPENS_LIST.match(line) or (not closed and "=" in line):
            break  # the brace was never closed: here begins the next entry
        place += 1
        if "}" in line:
            parts.append(line[: line.rindex("}")])
            break
        if not line.lstrip().startswith(";"):
            parts.append(line)
    return "\n".join(parts).strip(), place


def _what_else(start: bytes) -> tuple[str, str]:
    """Return what a header that is not ENVI's looks like, and what to do with it."""
    line = start.split(b"\n")[0][:40].decode("latin-1").strip()
    shown = repr(line) if line.isprintable() and line else "binary" if start else "empty"
    return (
        f"not an ENVI header (its first line is {shown}, wanted 'ENVI')",
        "open the file it belongs to with a program of its own",
    )
