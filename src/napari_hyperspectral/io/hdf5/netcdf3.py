"""The classic format of NetCDF (versions 1 and 2): a header, and arrays mapped where they lie.

Source: Unidata, "NetCDF Classic Format Specification",
https://docs.unidata.ucar.edu/nug/current/file_format_specifications.html
"""

from __future__ import annotations

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
_MOST_LISTED: Final = 100_000
"""Entries of a list in the header that can be meant."""


@dataclass(frozen=True)
class Variable:
    """An array, big-endian as it is stored."""

    name: str
    dimensions: tuple[str, ...]
    attributes: dict[str, Any]
    data: NDArray[Any]


@dataclass
class _Header:
    """A header taken apart from its beginning on."""

    file: Bytes
    place: int = 4
    offset_layout: str = ">i"
    names: list[tuple[str, int]] = field(default_factory=list)

    def number(self, layout: str = ">i") -> int:
        value = int(self.file.number(layout, self.place, "the header"))
        self.place += np.dtype(layout[0] + {"i": "i4", "q": "i8"}[layout[1]]).itemsize
        return value

    def length(self) -> int:
        value = self.number()
        if value < 0:
            raise FileFormatError(self.file.path, f"a length of {value}", COPY_AGAIN)
        return value

    def name(self) -> str:
        size = self.length()
        raw = self.file.take(self.place, size, "a name")
        self.place += _padded(size)
        return raw.decode("utf-8", "replace")

    def listed(self, tag: int) -> int:
        """Return how many entries a list of this kind has."""
        found, count = self.number(), self.length()
        if found not in (0, tag) or count > _MOST_LISTED or (found == 0 and count):
            raise FileFormatError(
                self.file.path, f"a list of {count} entries with the tag {found}", COPY_AGAIN
            )
        return count

    def attributes(self) -> dict[str, Any]:
        return dict(self._attribute() for _ in range(self.listed(_ATTRIBUTES)))

    def _attribute(self) -> tuple[str, Any]:
        name = self.name()
        dtype, count = self.dtype(), self.length()
        size = count * dtype.itemsize
        if dtype.kind == "S":
            value: Any = self.file.take(self.place, size, name).decode("utf-8", "replace")
        else:
            value = self.file.array(dtype, count, self.place, name).tolist()
            value = value[0] if count == 1 else value
        self.place += _padded(size)
        return name, value

    def dtype(self) -> np.dtype[Any]:
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
        return bool(self.shape) and self.shape[0] == 0

    @property
    def size(self) -> int:
        """Bytes of the array, or of one record of it, as they are padded in a file."""
        return _padded(self.bytes)

    @property
    def bytes(self) -> int:
        size = self.dtype.itemsize
        for side in self.shape[1:] if self.is_record else self.shape:
            size *= side  # Python's numbers do not overflow
        return size


def read_variables(path: Path) -> tuple[list[Variable], dict[str, Any]]:
    """Return the variables of a file, and the attributes of the whole.

    Raises
    ------
    FileFormatError
        If the file is shorter than it says, or its header does not hold together.
    """
    file = Bytes(path)
    header = _Header(file)
    wide = file.take(0, 4, "its beginning")[3] == 2
    records = header.number()  # -1: still being written
    header.names = [(header.name(), header.length()) for _ in range(header.listed(_DIMENSIONS))]
    about = header.attributes()
    entries = [_entry(header, ">q" if wide else ">i") for _ in range(header.listed(_VARIABLES))]
    growing = [entry for entry in entries if entry.is_record]
    step = growing[0].bytes if len(growing) == 1 else sum(entry.size for entry in growing)
    if records < 0 and growing:
        records = max(0, len(file) - min(entry.begin for entry in growing)) // max(step, 1)
    return [_variable(file, entry, records, step) for entry in entries], about


def _entry(header: _Header, offset: str) -> _Entry:
    name = header.name()
    numbers = [header.length() for _ in range(min(header.length(), _MOST_LISTED))]
    if any(number >= len(header.names) for number in numbers) or len(numbers) > 32:
        raise FileFormatError(header.file.path, f"{name} has unknown dimensions", COPY_AGAIN)
    attributes, dtype = header.attributes(), header.dtype()
    header.number()  # its size, which overflows for large ones
    begin = header.number(offset)
    dimensions = tuple(header.names[number][0] for number in numbers)
    shape = tuple(header.names[number][1] for number in numbers)
    if 0 in shape[1:]:
        raise FileFormatError(header.file.path, f"{name} contains no data {shape}", COPY_AGAIN)
    return _Entry(name, dimensions, shape, dtype, begin, attributes)


def _variable(file: Bytes, entry: _Entry, records: int, step: int) -> Variable:
    rows = records if entry.is_record else 1
    end = entry.begin + (rows - 1) * step * entry.is_record + entry.bytes
    if entry.begin < 0 or (rows and end > len(file)):
        raise FileFormatError(
            file.path, f"{entry.name} ends at byte {end}, the file at {len(file)}", COPY_AGAIN
        )
    shape = (records, *entry.shape[1:]) if entry.is_record else entry.shape
    if not rows:
        data: NDArray[Any] = np.empty(shape, entry.dtype)
    elif not entry.is_record or step == entry.bytes:
        data = mapped(file.path, entry.dtype, shape, entry.begin)
    else:  # its records lie among those of others
        whole = mapped(file.path, "u1", (end - entry.begin,), entry.begin)
        strides = np.empty((1, *entry.shape[1:]), entry.dtype).strides
        data = np.ndarray(shape, entry.dtype, whole, strides=(step, *strides[1:]))
    return Variable(entry.name, entry.dimensions, entry.attributes, data)


def _padded(size: int) -> int:
    return -(-size // 4) * 4
