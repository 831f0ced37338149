"""The heaps in which HDF5 keeps texts and references, checked before the library walks them.

It never returns from a heap with an object of no size, which no signal can interrupt.

Source: The HDF Group, "HDF5 File Format Specification", III.E "Global Heap",
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ...errors import FileFormatError

_COLLECTION: Final = b"GCOL\x01\0\0\0"
_HEADER: Final = 16
"""Bytes before the objects of a collection, and before the data of each of them."""
_PIECE: Final = 2**22
"""Bytes that are searched at a time."""
_SEARCHED: Final = 64 * 2**20
"""Bytes that are searched: the heaps of larger files lie, as a rule, near their beginning."""


def check_heaps(path: Path) -> None:
    """Check that the objects of each heap follow one another to its end.

    Raises
    ------
    FileFormatError
        If they do not.
    """
    size = path.stat().st_size
    with path.open("rb") as file:  # not mapped: a file that is cut meanwhile would end the process
        for start in _starts(file):
            if not _is_intact(file, start, size):
                raise FileFormatError(
                    path, f"the heap at byte {start} is damaged", "copy or download it again"
                )


def _starts(file: BinaryIO) -> Iterator[int]:
    """Yield the first byte of each collection."""
    overlap = len(_COLLECTION) - 1
    for first in range(0, _SEARCHED, _PIECE):
        file.seek(first)
        raw = file.read(_PIECE + overlap)
        start = raw.find(_COLLECTION)
        while start >= 0:
            yield first + start
            start = raw.find(_COLLECTION, start + len(_COLLECTION))
        if len(raw) < _PIECE:
            return


def _is_intact(file: BinaryIO, start: int, file_size: int) -> bool:
    """Whether the objects of the collection at `start` fill it, each behind the one before."""
    file.seek(start)
    header = file.read(_HEADER)
    if len(header) < _HEADER:
        return False
    (size,) = struct.unpack_from("<Q", header, 8)
    if start + size > file_size:
        return False
    file.seek(start)
    raw = file.read(size)
    end = len(raw)
    offset = _HEADER
    while end - offset >= _HEADER:
        # index of the object, references to it, reserved, bytes of its data
        index, _, _, length = struct.unpack_from("<HHIQ", raw, offset)
        if index == 0:  # the free space at the end; its size includes its own header
            return bool(_HEADER <= length <= end - offset)
        offset += _HEADER + -(-length // 8) * 8  # data are padded to multiples of 8
    return bool(offset <= end)
