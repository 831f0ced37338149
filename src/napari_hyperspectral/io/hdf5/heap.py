"""The heaps in which HDF5 keeps texts and references, checked before the library walks them.

It never returns from a heap with an object of no size, which no signal can interrupt.

Source: The HDF Group, "HDF5 File Format Specification", III.E "Global Heap",
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final

from ...errors import FileFormatError

_COLLECTION: Final = b"GCOL\x01\0\0\0"
_HEADER: Final = 16
"""Bytes before the objects of a collection, and before the data of each of them."""
_SEARCHED: Final = 64 * 2**20
"""Bytes that are searched: the heaps of larger files lie, as a rule, near their beginning."""


def check_heaps(path: Path) -> None:
    """Check that the objects of each heap follow one another to its end.

    Raises
    ------
    FileFormatError
        If they do not.
    """
    if path.stat().st_size < _HEADER:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        start = raw.find(_COLLECTION, 0, _SEARCHED)
        while start >= 0:
            if not _is_intact(raw, start):
                raise FileFormatError(
                    path, f"the heap at byte {start} is damaged", "copy or download it again"
                )
            start = raw.find(_COLLECTION, start + len(_COLLECTION), _SEARCHED)


def _is_intact(raw: mmap.mmap, start: int) -> bool:
    """Whether the objects of the collection at `start` fill it, each behind the one before."""
    if start + _HEADER > len(raw):
        return False
    (size,) = struct.unpack_from("<Q", raw, start + 8)
    end = start + size
    if end > len(raw):
        return False
    offset = start + _HEADER
    while end - offset >= _HEADER:
        # index of the object, references to it, reserved, bytes of its data
        index, _, _, length = struct.unpack_from("<HHIQ", raw, offset)
        if index == 0:  # the free space at the end; its size includes its own header
            return bool(_HEADER <= length <= end - offset)
        offset += _HEADER + -(-length // 8) * 8  # data are padded to multiples of 8
    return bool(offset <= end)
