"""The elements of a MATLAB 5 file, looked at before SciPy is handed it: it trusts their types.

Source: MathWorks, "MAT-File Format", chapter 1,
https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ...errors import FileFormatError
from ..binary import Bytes
from ..room import check_room

_HEADER: Final = 128
_ORDERS: Final = {b"IM": "<", b"MI": ">"}
_TAG: Final = 8
_NUMBERS: Final = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Bytes of a number, by the type of an element of numbers."""
_TEXTS: Final = (16, 17, 18)
_MATRIX: Final = 14
_PACKED: Final = 15
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_NUMERIC: Final = range(6, 16)
_DEEPEST: Final = 100
"""Arrays within arrays; nobody nests deeper."""
_BLOCK: Final = 2**16
_COPY: Final = "copy or save it again"


class _DamagedError(ValueError):
    """What is wrong with an element."""


class _Tag(NamedTuple):
    kind: int
    length: int
    """Bytes of its values."""
    stored: int
    """Bytes from its values to the next element."""


def check_elements(path: Path) -> None:
    """Refuse a file whose elements do not lie within each other, or are of no known type.

    Raises
    ------
    FileFormatError
        If it is damaged. Files of other versions are not looked at.
    """
    raw = Bytes(path)
    if len(raw) < _HEADER:
        return
    order = _ORDERS.get(raw.take(126, 2))
    if order is None or raw.take(0, 1) == b"\0":  # of version 4
        return
    start = _HEADER
    number = 0
    while start < len(raw):
        number += 1
        try:
            start = _check_variable(raw, order, start)
        except (_DamagedError, struct.error) as error:
            raise FileFormatError(
                path, f"not a whole MATLAB file (variable {number}: {error})", _COPY
            ) from error


def _check_variable(raw: Bytes, order: str, start: int) -> int:
    """Check a variable; return where the next one begins."""
    if start + _TAG > len(raw):
        raise _DamagedError(f"it begins at byte {start} of {len(raw)}")
    kind, length = raw.unpack(f"{order}II", start)
    end = start + _TAG + length
    if end > len(raw):
        raise _DamagedError(f"it ends at byte {end} of {len(raw)}")
    if kind == _MATRIX:
        elements = _Elements(_stored(raw, start + _TAG, end), order, length)
    elif kind == _PACKED:
        elements = _Elements(_unpacked(raw, start + _TAG, end), order, _TAG)
        tag = elements.tag()
        if tag.kind != _MATRIX:
            raise _DamagedError(f"it holds an element of type {tag.kind}")
        check_room(raw.path, tag.length, length, "a variable")
        elements.remaining = length = tag.length
    else:
        raise _DamagedError(f"an element of type {kind}, wanted a variable")
    _check_matrix(elements, length, 0, is_last=True)
    return end


class _Elements:
    """Elements that are read one after another.

    Parameters
    ----------
    blocks : iterator of bytes
        Their bytes.
    order : str
        "<" or ">".
    remaining : int
        Number of bytes.
    """

    def __init__(self, blocks: Iterator[bytes], order: str, remaining: int) -> None:
        self._blocks = blocks
        self._buffer = b""
        self.order = order
        self.remaining = remaining

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        if length > self.remaining:
            raise _DamagedError(f"{length} bytes of {self.remaining} are wanted")
        parts = []
        missing = length
        while missing > 0:
            if not self._buffer:
                self._buffer = next(self._blocks, b"")
                if not self._buffer:
                    raise _DamagedError("it ends early")
            part = self._buffer[:missing]
            self._buffer = self._buffer[missing:]
            parts.append(part)
            missing -= len(part)
        self.remaining -= length
        return b"".join(parts)

    def skip(self, length: int) -> None:
        """Leave out the next bytes."""
        for start in range(0, length, _BLOCK):
            self.take(min(_BLOCK, length - start))

    def tag(self) -> _Tag:
        """Return the next tag; small elements have their values within it."""
        first, length = struct.unpack(f"{self.order}II", self.take(_TAG))
        small = first >> 16
        if not small:
            padded = length if first in (_MATRIX, _PACKED) else -(-length // 8) * 8
            return _Tag(first, length, min(padded, self.remaining))
        if small > 4:
            raise _DamagedError(f"a small element has {small} bytes")
        self._buffer = struct.pack(f"{self.order}I", length) + self._buffer
        self.remaining += 4
        return _Tag(first & 0xFFFF, small, 4)

    def values(self, kinds: tuple[int, ...], what: str) -> bytes:
        """Return the bytes of the next element, which must be of one of these types."""
        tag = self.tag()
        if tag.kind not in kinds:
            raise _DamagedError(f"{what} is an element of type {tag.kind}")
        return self.take(tag.stored)[: tag.length]


def _stored(raw: Bytes, start: int, end: int) -> Iterator[bytes]:
    for offset in range(start, end, _BLOCK):
        yield raw.take(offset, min(_BLOCK, end - offset))


def _unpacked(raw: Bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield unpacked bytes, some at a time."""
    unpacker = zlib.decompressobj()
    try:
        for block in _stored(raw, start, end):
            pending = block
            while pending:
                yield unpacker.decompress(pending, _BLOCK)
                pending = unpacker.unconsumed_tail
    except zlib.error as error:
        raise _DamagedError(str(error)) from error


def _check_matrix(elements: _Elements, length: int, depth: int, *, is_last: bool = False) -> None:
    """Check an array of so many bytes; of the last one, values are not waded through."""
    if depth > _DEEPEST:
        raise _DamagedError(f"arrays are nested more than {_DEEPEST} deep")
    if length:  # else it is empty, and has no parts
        # some writers count too few bytes: like SciPy, follow the parts, not the lengths
        _check_content(elements, depth, is_last=is_last)


def _check_content(elements: _Elements, depth: int, *, is_last: bool) -> None:
    flags = elements.values((6,), "what an array is of")
    if len(flags) < 8:
        raise _DamagedError("what an array is of is cut short")
    (word,) = struct.unpack_from(f"{elements.order}I", flags)
    kind = word & 0xFF
    is_complex = bool(word & 0x800)
    if kind == _OPAQUE:
        _check_opaque(elements, depth)
        return
    sizes = elements.values((5, 6), "the size of an array")
    elements.values((1, 2, *_TEXTS), "the name of an array")
    count = _count(elements.order, sizes)
    if kind in _NUMERIC or kind == _CHAR:
        _check_numbers(elements, count, is_char=kind == _CHAR, is_last=is_last and not is_complex)
        if is_complex:
            _check_numbers(elements, count, is_char=False, is_last=is_last)
    elif kind == _SPARSE:
        for _ in range(4 if is_complex else 3):
            elements.values(tuple(_NUMBERS), "a part of a sparse array")
    elif kind == _CELL:
        _check_arrays(elements, count, depth)
    elif kind in (_STRUCT, _OBJECT):
        if kind == _OBJECT:
            elements.values((1, 2, *_TEXTS), "the class of an object")
        _check_arrays(elements, count * _number_of_fields(elements), depth)
    elif kind == _FUNCTION:
        _check_arrays(elements, 1, depth)
    else:
        raise _DamagedError(f"an array is of class {kind}")


def _count(order: str, sizes: bytes) -> int:
    """Return the number of values of an array."""
    if len(sizes) < 8 or len(sizes) % 4:
        raise _DamagedError(f"the size of an array has {len(sizes)} bytes")
    count = 1
    for size in struct.unpack(f"{order}{len(sizes) // 4}i", sizes):
        if size < 0:
            raise _DamagedError(f"an array has a side of {size}")
        count *= size
    return count


def _check_numbers(elements: _Elements, count: int, *, is_char: bool, is_last: bool) -> None:
    """Check the type and number of values of an array."""
    tag = elements.tag()
    size = _NUMBERS.get(tag.kind, 1 if is_char and tag.kind in _TEXTS else 0)
    if not size and not (is_char and not tag.length):
        raise _DamagedError(f"its values are of type {tag.kind}")
    if not is_char and tag.length != count * size:
        raise _DamagedError(f"{count} values of {size} bytes in {tag.length} bytes")
    if tag.stored > elements.remaining or tag.length > elements.remaining:
        raise _DamagedError(f"{tag.length} bytes of values, {elements.remaining} are left")
    if not is_last:
        elements.skip(tag.stored)


def _number_of_fields(elements: _Elements) -> int:
    stored = elements.values((5, 6), "the length of names of fields")
    if len(stored) < 4:
        raise _DamagedError("the length of names of fields is cut short")
    (length,) = struct.unpack_from(f"{elements.order}i", stored)
    names = elements.values((1, 2, *_TEXTS), "the names of fields")
    if length <= 0:
        raise _DamagedError(f"names of fields have {length} letters")
    return len(names) // length


def _check_arrays(elements: _Elements, count: int, depth: int) -> None:
    """Check arrays that follow each other."""
    if count * _TAG > elements.remaining:
        raise _DamagedError(f"{count} arrays in {elements.remaining} bytes")
    for _ in range(count):
        tag = elements.tag()
        if tag.kind != _MATRIX:
            raise _DamagedError(f"an element of type {tag.kind}, wanted an array")
        _check_matrix(elements, tag.length, depth + 1)


def _check_opaque(elements: _Elements, depth: int) -> None:
    """Check an object of a class that only MATLAB knows: texts, then an array."""
    while elements.remaining >= _TAG:
        tag = elements.tag()
        if tag.kind == _MATRIX:
            _check_matrix(elements, tag.length, depth + 1)
            return
        if tag.kind in _NUMBERS or tag.kind in _TEXTS:
            elements.skip(tag.stored)
        else:
            raise _DamagedError(f"an element of type {tag.kind}")
