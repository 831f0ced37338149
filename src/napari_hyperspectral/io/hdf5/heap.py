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
_HEAD: Final = 16
"""Bytes before the objects of a collection, and before the data of each of them."""
_MOST: Final = 64 * 2**20
"""Bytes that are searched: the heaps of larger files lie, as a rule, near their beginning."""


def check_heaps(path: Path) -> None:
    """Check that the objects of each heap follow one another to its end.

    Raises
    ------
    FileFormatError
        If they do not.
    """
    if path.stat().st_size < _HEAD:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        place = raw.find(_COLLECTION, 0, _MOST)
        while place >= 0:
            if not _is_whole(raw, place):
                found = f"the heap at byte {place} is damaged"
                raise FileFormatError(path, found, "copy or download it again")
            place = raw.find(_COLLECTION, place + len(_COLLECTION), _MOST)


def _is_whole(raw: mmap.mmap, start: int) -> bool:
    if start + _HEAD > len(raw):
        return False
    (size,) = struct.unpack_from("<Q", raw, start + 8)
    end, place = start + size, start + _HEAD
    if end > len(raw):
        return False
    while end - place >= _HEAD:
        index, _, _, length = struct.unpack_from("<HHIQ", raw, place)
        if index == 0:  # the room that is left; its size has its own head in it
            room: bool = _HEAD <= length <= end - place
            return room
        place += _HEAD + -(-length // 8) * 8
    whole: bool = place <= end
    return whole
