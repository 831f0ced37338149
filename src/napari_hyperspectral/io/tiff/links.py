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

_CLASSIC: Final = 42  # version in the header
_BIG: Final = 43
_HEADER: Final = 16
"""Bytes of the longer header, that of BigTIFF."""
_NEEDED: Final = (270, 273, 279, 324, 325, 42112, 50838, 50839)
"""Description, offsets and sizes of strips and tiles, metadata of GDAL and ImageJ."""
_TYPE_SIZES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by the type in its entry (section 2), where they are not one."""


def check_links(path: Path) -> None:
    """Follow the links from page to page: tifffile reads what is left of a file without an error.

    Raises
    ------
    FileFormatError
        If the file is empty, not a TIFF file, or a link points beyond its end.
    """
    size = path.stat().st_size
    seen: set[int] = set()
    with path.open("rb") as file:
        form, offset = _first_link(path, file.read(_HEADER))
        while offset and offset not in seen:  # a loop has been read to its end
            seen.add(offset)
            file.seek(min(offset, size))
            page = _read_page(file, form, size)
            end = max(page.ends, default=0) if page.link else offset + form.number.size
            if len(page.link) < form.link.size or end > size:
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
    order = {b"II": "<", b"MM": ">"}.get(header[:2], "")
    version = struct.unpack(f"{order}H", header[2:4])[0] if order and len(header) >= 8 else 0
    if version == _CLASSIC:
        layouts = ("H", "HHII", "I")
    elif version == _BIG:
        layouts = ("Q", "HHQQ", "Q")
    else:
        seen = f"not a TIFF file (it begins with {header[:8]!r})" if header else "an empty file"
        raise FileFormatError(path, seen, "give the file its right suffix, or copy it again")
    form = _Form(*(struct.Struct(order + layout) for layout in layouts))
    # the link follows at byte 4 of a classic header, at byte 8 of a big one
    return form, form.link.unpack_from(header.ljust(_HEADER, b"\0"), form.link.size)[0]


def _read_page(file: BinaryIO, form: _Form, size: int) -> _Page:
    """Return the page at the position of the file, which may end anywhere in it."""
    number = file.read(form.number.size).ljust(form.number.size, b"\0")
    entries = file.read(min(form.number.unpack(number)[0] * form.entry.size, size))
    return _Page([*_ends(form, entries)], file.read(form.link.size))


def _ends(form: _Form, entries: bytes) -> Iterator[int]:
    """Yield where the values end of those tags that no reader can do without."""
    complete = len(entries) // form.entry.size * form.entry.size
    for tag, kind, number, offset in form.entry.iter_unpack(entries[:complete]):
        size = _TYPE_SIZES.get(kind, 1) * number
        if tag in _NEEDED and size > form.link.size:  # smaller values stand in the entry
            yield offset + size
