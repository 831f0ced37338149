"""Texts that instruments write: packed or not, in whatever encoding, and tables of numbers in them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Final

import numpy as np

from ...errors import FileFormatError
from ...files.regular import check_regular
from ...metrics.values import Floats
from ..room import check_room

_BLOCK: Final = 2**24
"""Bytes that are unpacked at a time."""
_COPIES: Final = 4
"""Memory that a text takes while it is read, in its own bytes."""


def read_text(path: Path) -> str:
    """Return the text of a file, unpacked where its name ends in ``.gz``.

    It is UTF-8 (16, with a byte order mark), else taken for latin-1, as on most instruments.

    Raises
    ------
    FileFormatError
        If it is binary, or packed and damaged.
    """
    check_regular(path)
    raw = path.read_bytes()
    if path.suffix.lower() == ".gz":
        try:
            raw = _unpacked(path, raw)
        except (EOFError, OSError, zlib.error) as error:
            raise FileFormatError(
                path,
                f"it cannot be unpacked ({error})",
                "copy or export it again",
            ) from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw[:65536]:
        raise FileFormatError(
            path,
            "it is binary, wanted a text",
            "open it with its own suffix",
        )
    return decoded(raw)


def _unpacked(path: Path, raw: bytes) -> bytes:
    """Return the bytes of a gzip file, of which no more are unpacked than there is room for."""
    parts = []
    total = 0
    with gzip.GzipFile(fileobj=BytesIO(raw)) as file:
        while part := file.read(_BLOCK):
            parts.append(part)
            total += len(part)
            # the text, and the numbers in it, need several times as much
            check_room(path, _COPIES * total, what="its text")
    return b"".join(parts)


def decoded(raw: bytes) -> str:
    """Return bytes as text: UTF-8 if they are any, else latin-1, of which all bytes are some."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def start_of_text(path: Path, length: int = 4096) -> str:
    """Return the first characters of a text, or "" where there is none; never raises."""
    try:
        with path.open("rb") as file:
            raw = file.read(length)
        if path.suffix.lower() == ".gz":
            # unlike gzip, this gives the start of a file that was cut short, too
            gzip_format = zlib.MAX_WBITS | 16
            raw = zlib.decompressobj(gzip_format).decompress(raw, length)
    except (OSError, zlib.error):
        return ""
    if b"\0" in raw:
        return ""
    # a byte order mark of UTF-8, as latin-1 has it
    return raw.decode("latin-1").removeprefix("\xef\xbb\xbf")


def numbers_in(
    path: Path,
    lines: Sequence[str],
    columns: int,
    first_line: int,
) -> Floats:
    """Return a table of numbers between tabs, shape (line, column).

    Parameters
    ----------
    lines : sequence of str
        Without blank ones.
    columns : int
        Numbers in each line.
    first_line : int
        Number of the first one in its file, counted from 1, to tell where something is wrong.

    Raises
    ------
    FileFormatError
        If a line has another number of columns, or something is no number.
    """
    for number, line in enumerate(lines, start=first_line):
        in_line = line.rstrip("\t \r").count("\t") + 1
        if in_line != columns:
            raise FileFormatError(
                path,
                f"line {number} has {in_line} columns, the axis {columns}",
                "export it again: it was cut short, or edited",
            )
    try:
        stripped = [line.rstrip("\t \r") for line in lines]
        return np.loadtxt(
            StringIO("\n".join(stripped)),
            dtype=np.float64,
            delimiter="\t",
            ndmin=2,
            comments=None,
        )
    except ValueError as error:
        raise FileFormatError(
            path,
            f"not a table of numbers ({error})",
            "export it again, with decimal points",
        ) from error
