"""The links of a TIFF file from page to page, followed before anybody trusts them.

Source: Adobe, "TIFF Revision 6.0", section 2; BigTIFF, https://www.awaresystems.be/imaging/tiff/bigtiff.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ...errors import FileFormatError

CUT_SHORT: Final = "the file was cut short: copy or export it again"

_BYTE_ORDERS: Final = {b"II": "<", b"MM": ">"}
_CLASSIC: Final = 42  # version in the header
_BIG: Final = 43
_HEADER: Final = 16
"""Bytes of the longer header, that of BigTIFF."""
_NEEDED: Final = (270, 273, 279, 324, 325, 42112, 50838, 50839)
"""Description, offsets and sizes of strips and tiles, metadata of GDAL and ImageJ."""
_TYPE_SIZES: Final = {
    3: 2,  # SHORT
    4: 4,  # LONG
    5: 8,  # RATIONAL
    8: 2,  # SSHORT
    9: 4,  # SLONG
    10: 8,  # SRATIONAL
    11: 4,  # FLOAT
    12: 8,  # DOUBLE
    13: 4,  # IFD
    16: 8,  # LONG8
    17: 8,  # SLONG8
    18: 8,  # IFD8
}
"""Bytes of a value by the type in its entry (section 2), where they are not one."""


def check_links(path: Path) -> None:
    """Follow the links from page to page: tifffile reads what is left of a file without an error.

    Raises
    ------
    FileFormatError
        If the file is empty, not a TIFF file, or a link points beyond its end or back to a page.
    """
    size = path.stat().st_size
    seen: set[int] = set()
    with path.open("rb") as file:
        form, offset = _first_link(path, file.read(_HEADER))
        while offset:
            if offset in seen:  # tifffile would go round for ever
                raise FileFormatError(
                    path,
                    f"page {len(seen)} is followed by an earlier one, at byte {offset:,}",
                    "the file is damaged: copy or export it again",
                )
            seen.add(offset)
            file.seek(min(offset, size))
            page = _read_page(file, form, size)
            end = max(page.ends, default=0)
            if not page.link:  # the file ends before it: tell where the page begins
                end = offset + form.number.size
            cut_short = len(page.link) < form.link.size
            if cut_short or end > size:
                raise FileFormatError(
                    path,
                    f"page {len(seen)} should be at byte {max(offset, end):,}, "
                    f"but the file has {size:,} bytes",
                    CUT_SHORT,
                )
            offset = form.link.unpack(page.link)[0]


class _Form(NamedTuple):
    """How numbers are stored in a TIFF file, classic or big, of either byte order."""

    number: struct.Struct
    """How many entries a page has."""
    entry: struct.Struct
    """Tag, type, number of values, and the value or the offset of the values."""
    link: struct.Struct


class _Page(NamedTuple):
    """What is checked of a page."""

    ends: list[int]
    """First bytes after the values of tags."""
    link: bytes
    """Offset of the next page; too short where the file ends before."""


def _first_link(path: Path, header: bytes) -> tuple[_Form, int]:
    """Return how a file stores numbers, and the offset of its first page."""
    order = _BYTE_ORDERS.get(header[:2], "")
    version = 0  # none of TIFF
    if order and len(header) >= 8:
        (version,) = struct.unpack(f"{order}H", header[2:4])
    if version == _CLASSIC:
        layouts = ("H", "HHII", "I")
    elif version == _BIG:
        layouts = ("Q", "HHQQ", "Q")
    else:
        seen = "an empty file"
        if header:
            seen = f"not a TIFF file (it begins with {header[:8]!r})"
        raise FileFormatError(
            path,
            seen,
            "give the file its right suffix, or copy it again",
        )
    form = _Form(*(struct.Struct(order + layout) for layout in layouts))
    padded = header.ljust(_HEADER, b"\0")
    # the link follows at byte 4 of a classic header, at byte 8 of a big one
    (offset,) = form.link.unpack_from(padded, form.link.size)
    return form, offset


def _read_page(
    file: BinaryIO,
    form: _Form,
    size: int,
) -> _Page:
    """Return the page at the position of the file, which may end anywhere in it."""
    stored = file.read(form.number.size)
    (number,) = form.number.unpack(stored.ljust(form.number.size, b"\0"))
    # a damaged number may promise more than any memory holds
    length = min(number * form.entry.size, size)
    entries = file.read(length)
    ends = [*_ends(form, entries)]
    link = file.read(form.link.size)
    return _Page(ends, link)


def _ends(form: _Form, entries: bytes) -> Iterator[int]:
    """Yield where the values end of those tags that no reader can do without."""
    count = len(entries) // form.entry.size
    complete = entries[: count * form.entry.size]
    for tag, kind, number, offset in form.entry.iter_unpack(complete):
        size = _TYPE_SIZES.get(kind, 1) * number
        stands_in_entry = size <= form.link.size
        if tag in _NEEDED and not stands_in_entry:
            yield offset + size
