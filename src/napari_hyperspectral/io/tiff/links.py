"""The links of a TIFF file from page to page, followed before anybody trusts them.

Source: Adobe, "TIFF Revision 6.0", section 2; BigTIFF, https://www.awaresystems.be/imaging/tiff/bigtiff.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ...errors import FileFormatError

CUT_SHORT: Final = "the file was cut short: copy or export it again"


def check_links(path: Path) -> None:
    """Follow the links from page to page: tifffile reads what is left of a file, and is content.

    Raises
    ------
    FileFormatError
        If the file is empty, not a TIFF file, or a link points beyond its end.
    """
    size, pages, seen = path.stat().st_size, 0, set[int]()
    with path.open("rb") as file:
        form, offset = _first_link(path, file.read(16))
        while offset and offset not in seen:
            seen.add(offset)
            file.seek(min(offset, size))
            number = file.read(form.number.size).ljust(form.number.size, b"\0")
            entries = file.read(min(form.number.unpack(number)[0] * form.entry.size, size))
            link = file.read(form.link.size)
            ends = max(_ends(form, entries), default=0) if link else offset + len(number)
            if len(link) < form.link.size or ends > size:
                raise FileFormatError(
                    path,
                    f"page {pages + 1} should be at byte {max(offset, ends):,}, "
                    f"but the file has {size:,} bytes",
                    CUT_SHORT,
                )
            pages, offset = pages + 1, form.link.unpack(link)[0]


class _Form(NamedTuple):
    """How numbers are stored in a TIFF file, classic or big, of either byte order."""

    number: struct.Struct
    entry: struct.Struct
    """Tag, type, number of values, and the value or the byte where the values are."""
    link: struct.Struct


def _first_link(path: Path, head: bytes) -> tuple[_Form, int]:
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    version = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) >= 8 else 0
    if version not in (_CLASSIC, _BIG):
        found = f"not a TIFF file (it begins with {head[:8]!r})" if head else "an empty file"
        raise FileFormatError(path, found, "give the file its right suffix, or copy it again")
    big = version == _BIG
    count, entry, link = ("Q", "HHQQ", "Q") if big else ("H", "HHII", "I")
    form = _Form(*(struct.Struct(order + part) for part in (count, entry, link)))
    return form, form.link.unpack_from(head.ljust(16, b"\0"), form.link.size)[0]


def _ends(form: _Form, entries: bytes) -> Iterator[int]:
    """Yield where the values end of those tags that no reader can do without."""
    whole = len(entries) // form.entry.size * form.entry.size
    for tag, kind, number, place in form.entry.iter_unpack(entries[:whole]):
        size = _TYPE_SIZES.get(kind, 1) * number
        if tag in _NEEDED and size > form.link.size:
            yield place + size


_CLASSIC, _BIG = 42, 43
_NEEDED: Final = (270, 273, 279, 324, 325, 42112, 50838, 50839)
"""Description, offsets and sizes of strips and tiles, metadata of GDAL and ImageJ."""
_TYPE_SIZES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
