"""The classic format of NetCDF (versions 1 and 2): a header, and arrays mapped where they lie.

Source: Unidata, "NetCDF Classic Format Specification",
https://docs.unidata.ucar.edu/nug/current/file_format_specifications.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..arrays.mapped import mapped
from ..binary import COPY_AGAIN, Bytes

_TYPES: Final = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8"}
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_MAX_LISTED: Final = 100_000
"""Entries of a list in the header that can be meant."""


@dataclass(frozen=True)
class Variable:
    """An array, big-endian as it is stored."""

    name: str
    dimensions: tuple[str, ...]
    attributes: dict[str, Any]
    data: Any
    """Mapped, or lazy."""


@dataclass
class _Header:
    """A header that is read from its beginning on."""

    file: Bytes
    offset: int = 4
    """Of what is read next; the signature is past."""
    sizes: list[tuple[str, int]] = field(default_factory=list)
    """Name and length of each dimension."""

    def number(self, layout: str = ">i") -> int:
        """Return the next number."""
        value = int(self.file.number(layout, self.offset, "the header"))
        self.offset += struct.calcsize(layout)
        return value

    def length(self) -> int:
        """Return the next number, which cannot be negative."""
        value = self.number()
        if value < 0:
            raise FileFormatError(self.file.path, f"a length of {value}", COPY_AGAIN)
        return value

    def name(self) -> str:
        """Return the next name."""
        size = self.length()
        raw = self.file.take(self.offset, size, "a name")
        self.offset += _padded(size)
        return raw.decode("utf-8", "replace")

    def listed(self, tag: int) -> int:
        """Return how many entries a list of this kind has."""
        stated = self.number()
        count = self.length()
        if stated not in (0, tag) or count > _MAX_LISTED or (stated == 0 and count):
            raise FileFormatError(
                self.file.path, f"a list of {count} entries with the tag {stated}", COPY_AGAIN
            )
        return count

    def attributes(self) -> dict[str, Any]:
        """Return the next list of attributes."""
        return dict(self._attribute() for _ in range(self.listed(_ATTRIBUTES)))

    def _attribute(self) -> tuple[str, Any]:
        name = self.name()
        dtype = self.dtype()
        count = self.length()
        size = count * dtype.itemsize
        value: Any
        if dtype.kind == "S":
            value = self.file.take(self.offset, size, name).decode("utf-8", "replace")
        else:
            value = self.file.array(dtype, count, self.offset, name).tolist()
            if count == 1:
                value = value[0]
        self.offset += _padded(size)
        return name, value

    def dtype(self) -> np.dtype[Any]:
        """Return the next type of numbers."""
        code = self.number()
        if code not in _TYPES:
            raise FileFormatError(self.file.path, f"a variable of type {code}", COPY_AGAIN)
        return np.dtype(_TYPES[code])


@dataclass(frozen=True)
class _Entry:
    """What the header says of a variable."""

    name: str
    dimensions: tuple[str, ...]
    shape: tuple[int, ...]
    """0 first where it grows with the records."""
    dtype: np.dtype[Any]
    begin: int
    attributes: dict[str, Any]

    @property
    def is_record(self) -> bool:
        """Whether it grows along its first dimension."""
        return bool(self.shape) and self.shape[0] == 0

    @property
    def size(self) -> int:
        """Bytes of the array, or of one record of it, as they are padded in a file."""
        return _padded(self.bytes)

    @property
    def bytes(self) -> int:
        """Bytes of the array, or of one record of it."""
        size = self.dtype.itemsize
        for side in self.shape[1:] if self.is_record else self.shape:
            size *= side  # Python's numbers do not overflow
        return size


def read_variables(path: Path) -> tuple[list[Variable], dict[str, Any]]:
    """Return the variables of a file, and the attributes of the file.

    Raises
    ------
    FileFormatError
        If the file is shorter than it says, or its header does not hold together.
    """
    file = Bytes(path)
    header = _Header(file)
    offsets_are_wide = file.take(0, 4, "its beginning")[3] == 2
    records = header.number()  # -1: still being written
    header.sizes = [(header.name(), header.length()) for _ in range(header.listed(_DIMENSIONS))]
    attributes = header.attributes()
    offset_layout = ">q" if offsets_are_wide else ">i"
    entries = [_entry(header, offset_layout) for _ in range(header.listed(_VARIABLES))]
    growing = [entry for entry in entries if entry.is_record]
    # a record has that of each variable in turn; a single one is not padded
    stride = sum(entry.size for entry in growing)
    if len(growing) == 1:
        stride = growing[0].bytes
    if records < 0 and growing:
        first = min(entry.begin for entry in growing)
        records = max(0, len(file) - first) // max(stride, 1)
    return [_variable(file, entry, records, stride) for entry in entries], attributes


def _entry(header: _Header, offset_layout: str) -> _Entry:
    """Return what the header says next of a variable."""
    name = header.name()
    numbers = [header.length() for _ in range(min(header.length(), _MAX_LISTED))]
    if any(number >= len(header.sizes) for number in numbers) or len(numbers) > 32:
        raise FileFormatError(header.file.path, f"{name} has unknown dimensions", COPY_AGAIN)
    attributes = header.attributes()
    dtype = header.dtype()
    header.number()  # its size, which overflows for large ones
    begin = header.number(offset_layout)
    dimensions = tuple(header.sizes[number][0] for number in numbers)
    shape = tuple(header.sizes[number][1] for number in numbers)
    if 0 in shape[1:]:
        raise FileFormatError(header.file.path, f"{name} contains no data {shape}", COPY_AGAIN)
    return _Entry(name, dimensions, shape, dtype, begin, attributes)


def _variable(file: Bytes, entry: _Entry, records: int, stride: int) -> Variable:
    """Return a variable, mapped where it lies, after it was seen to be there.

    Parameters
    ----------
    stride : int
        Bytes from one record to the next.
    """
    parts = records if entry.is_record else 1
    end = entry.begin + entry.bytes
    if entry.is_record:
        end += (records - 1) * stride
    if entry.begin < 0 or (parts and end > len(file)):
        raise FileFormatError(
            file.path, f"{entry.name} ends at byte {end}, the file at {len(file)}", COPY_AGAIN
        )
    shape = (records, *entry.shape[1:]) if entry.is_record else entry.shape
    data: NDArray[Any]
    if not parts:
        data = np.empty(shape, entry.dtype)
    elif not entry.is_record or stride == entry.bytes:
        data = mapped(file.path, entry.dtype, shape, entry.begin)
    else:  # its records lie among those of others
        raw = mapped(file.path, "u1", (end - entry.begin,), entry.begin)
        strides = np.empty((1, *entry.shape[1:]), entry.dtype).strides
        data = np.ndarray(shape, entry.dtype, raw, strides=(stride, *strides[1:]))
    return Variable(entry.name, entry.dimensions, entry.attributes, data)


def _padded(size: int) -> int:
    """Return a number of bytes with those that fill it up to a multiple of 4."""
    return -(-size // 4) * 4
