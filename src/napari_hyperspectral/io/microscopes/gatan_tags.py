"""Tags of Gatan DigitalMicrograph files (DM3, DM4): a tree of names and values.

Source: C. Boothroyd, "DM3 and DM4 file format", http://www.er-c.org/cbb/info/dmformat/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from ...errors import FileFormatError
from ..binary import COPY_AGAIN, Bytes

DATA: Final = "Data"
"""Name of the values of an image."""
_GROUP, _VALUE, _END = 20, 21, 0
"""Kinds of tags."""
_VALUE_MARK: Final = b"%%%%"
_STRUCT, _STRING, _ARRAY = 15, 18, 20
"""Codes of values that are made of others."""
_NUMBERS: Final = {
    2: "i2", 3: "i4", 4: "u2", 5: "u4", 6: "f4", 7: "f8", 8: "u1", 9: "i1", 10: "u1",
    11: "i8", 12: "u8",
}  # fmt: skip
_MOST_CODES: Final = 1000
_MOST_DEPTH: Final = 64
_LONGEST_TEXT: Final = 2000
"""Characters of a text; a longer array of 16 bits is of numbers."""


@dataclass(frozen=True)
class Block:
    """Values of one type that lie in the file one after the other."""

    dtype: np.dtype[Any]
    count: int
    start: int


Tag: TypeAlias = "dict[str, Tag] | Block | str | int | float | list[int | float]"
"""A group by the names of its tags (numbered, where they have none), or a value."""


def tags_of(raw: Bytes) -> dict[str, Tag]:
    """Return the tags of a file; large arrays are left in it.

    Raises
    ------
    FileFormatError
        If it is no such file, or damaged.
    """
    version = raw.number(">I", 0, "the header")
    if version not in (3, 4):
        raise FileFormatError(
            raw.path, "not a file of DigitalMicrograph 3 or 4", "give it its right suffix"
        )
    start = 8 if version == 3 else 12
    order = raw.number(">I", start, "the header")
    if order not in (0, 1):
        raise FileFormatError(raw.path, f"a byte order of {order}", COPY_AGAIN)
    return _Reader(raw, version, "<" if order else ">", start + 4).group(0)


class _Reader:
    """Reads tags one after the other."""

    def __init__(self, raw: Bytes, version: int, order: str, offset: int) -> None:
        self._raw = raw
        self._has_lengths = version == 4
        self._integer = ">Q" if version == 4 else ">I"
        self._order = order
        self._offset = offset

    def group(self, depth: int) -> dict[str, Tag]:
        """Return the tags of the group that begins here."""
        if depth > _MOST_DEPTH:
            raise FileFormatError(self._raw.path, "groups within each other", COPY_AGAIN)
        self._skip(2)  # whether it is sorted, and open in the program
        count = self._count("a group")
        tags: dict[str, Tag] = {}
        for number in range(count):
            kind = self._next("B")
            if kind == _END:
                break
            name = self._name() or str(number)
            if self._has_lengths:
                self._skip(8)
            if kind == _GROUP:
                tag: Tag = self.group(depth + 1)
            elif kind == _VALUE:
                tag = self._value(is_text=name != DATA)
            else:
                raise FileFormatError(self._raw.path, f"tag {name!r} is of kind {kind}", COPY_AGAIN)
            tags.setdefault(name, tag)
        return tags

    def _next(self, layout: str) -> int:
        value = int(self._raw.number(layout, self._offset, "a tag"))
        self._offset += np.dtype(layout).itemsize
        return value

    def _count(self, what: str) -> int:
        count = self._next(self._integer)
        if count > len(self._raw):
            raise FileFormatError(self._raw.path, f"{count} tags in {what}", COPY_AGAIN)
        return count

    def _skip(self, length: int) -> None:
        self._offset += length

    def _name(self) -> str:
        length = self._next(">H")
        name = self._raw.text(self._offset, length, what="a tag")
        self._offset += length
        return name

    def _value(self, *, is_text: bool) -> Tag:
        """Return the value that begins here: its codes, and the bytes behind them."""
        if self._raw.take(self._offset, len(_VALUE_MARK), "a tag") != _VALUE_MARK:
            raise FileFormatError(self._raw.path, "a tag without its mark", COPY_AGAIN)
        self._offset += len(_VALUE_MARK)
        number = self._count("a value")
        if not 0 < number <= _MOST_CODES:
            raise FileFormatError(self._raw.path, f"{number} codes of a value", COPY_AGAIN)
        codes = [self._next(self._integer) for _ in range(number)]
        if codes[0] == _ARRAY and number >= 3:
            return self._array(codes[1:-1], codes[-1], is_text=is_text)
        block = self._block(self._dtype(codes), 1)
        return _plain(self._raw.array(block.dtype, 1, block.start, "a tag")[0].tolist())

    def _array(self, codes: list[int], count: int, *, is_text: bool) -> Tag:
        """Return an array: numbers of 16 bits are a text, unless they are the values of an image."""
        block = self._block(self._dtype(codes), count)
        if not is_text or block.dtype.str[1:] != "u2" or count > _LONGEST_TEXT:
            return block
        encoding = "utf-16-le" if self._order == "<" else "utf-16-be"
        return self._raw.text(block.start, 2 * count, encoding)

    def _block(self, dtype: np.dtype[Any], count: int) -> Block:
        """Return the values here, seen to lie within the file, and go on behind them."""
        block = Block(dtype, count, self._offset)
        stop = self._offset + dtype.itemsize * count
        if stop > len(self._raw):
            problem = f"the file ends at byte {len(self._raw)}, its values at {stop}"
            raise FileFormatError(self._raw.path, problem, COPY_AGAIN)
        self._offset = stop
        return block

    def _dtype(self, codes: list[int]) -> np.dtype[Any]:
        """Return the type of a number, a text or a structure by its codes."""
        code = codes[0] if codes else None
        if code in _NUMBERS:
            return np.dtype(self._order + _NUMBERS[code])
        if code == _STRING and len(codes) == 2 and codes[1] <= len(self._raw):
            return np.dtype(f"V{2 * codes[1]}") if codes[1] else np.dtype("V1")
        if code == _STRUCT and len(codes) >= 3 and len(codes) >= 3 + 2 * codes[2]:
            fields = codes[4 : 3 + 2 * codes[2] : 2]  # behind the length of each name
            if fields and all(field in _NUMBERS for field in fields):
                return np.dtype([(f"{n}", self._order + _NUMBERS[c]) for n, c in enumerate(fields)])
        raise FileFormatError(self._raw.path, f"a value of the codes {codes[:6]}", COPY_AGAIN)


def _plain(value: Any) -> Tag:
    """Return a number, the numbers of a structure, or a text."""
    if isinstance(value, bytes):
        return value.decode("utf-16-le", errors="replace").partition("\0")[0]
    plain: Tag = list(value) if isinstance(value, tuple) else value
    return plain
