"""Compound files (OLE): streams by name, as in a small disk.

Every chain of sectors is followed no further than the file has sectors, so that none is a circle.

Source: Microsoft, "[MS-CFB]: Compound File Binary File Format", https://learn.microsoft.com/openspecs
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...errors import FileFormatError
from ..binary import COPY_AGAIN, Bytes

MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECTOR_SHIFT, _MINI_SHIFT = 30, 32
_TABLES, _FOLDER = 44, 48
_MINI_LIMIT, _MINI_TABLE, _MORE_TABLES, _LISTED = 56, 60, 68, 76
"""Offsets in the header: number of tables, first sectors of folder and small table, first listed table."""
_LISTED_COUNT: Final = 109
_LAST_SECTOR: Final = 0xFFFFFFFA
"""Numbers of sectors are lower; greater ones end a chain."""
_ENTRY: Final = 128
_NAME_LENGTH, _TYPE, _FIRST, _SIZE = 64, 66, 116, 120
"""Offsets in an entry of the folder."""
_STREAM, _ROOT = 2, 5
_LARGEST: Final = 2**31


@dataclass(frozen=True)
class _Entry:
    first: int
    size: int


class CompoundFile:
    """The streams of a compound file.

    Parameters
    ----------
    raw : Bytes
        The file.

    Raises
    ------
    FileFormatError
        If it is no compound file, or damaged.
    """

    def __init__(self, raw: Bytes) -> None:
        self._raw = raw
        if raw.take(0, min(len(raw), len(MAGIC))) != MAGIC:
            raise FileFormatError(raw.path, "not a compound file", COPY_AGAIN)
        shifts = raw.unpack("<2H", _SECTOR_SHIFT, "the header")
        if shifts not in ((9, 6), (12, 6)):
            raise FileFormatError(raw.path, f"sectors of 2^{shifts[0]} bytes", COPY_AGAIN)
        self._size, self._mini_size = (2**shift for shift in shifts)
        self._next = self._table(self._sectors_of_tables())
        self._entries = self._folder()
        self._mini_limit = raw.number("<I", _MINI_LIMIT)
        mini_table = self._chain(raw.number("<I", _MINI_TABLE), self._next)
        self._next_mini = self._table(mini_table)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams; of those of one name, which lie in different storages, one."""
        return tuple(name for name in self._entries if name)

    def stream(self, name: str) -> bytes:
        """Return the content of a stream.

        Raises
        ------
        FileFormatError
            If there is none of this name, or it was cut.
        """
        if name not in self._entries:
            raise FileFormatError(self._raw.path, f"its stream {name} is missing", COPY_AGAIN)
        entry = self._entries[name]
        if entry.size >= self._mini_limit:
            content = self._joined(self._chain(entry.first, self._next))
        else:
            container = self._joined(self._chain(self._entries[""].first, self._next))
            chain = self._chain(entry.first, self._next_mini)
            parts = [container[self._mini_size * n : self._mini_size * (n + 1)] for n in chain]
            content = b"".join(parts)
        if len(content) < entry.size:
            raise FileFormatError(
                self._raw.path,
                f"its stream {name} has {len(content)} of {entry.size} bytes",
                COPY_AGAIN,
            )
        return content[: entry.size]

    def _sectors_of_tables(self) -> list[int]:
        """Return the sectors that hold the table of chains, listed in the header or behind it."""
        count = self._raw.number("<I", _TABLES)
        listed = list(self._raw.unpack(f"<{_LISTED_COUNT}I", _LISTED, "the header"))
        sector = self._raw.number("<I", _MORE_TABLES)
        per_sector = self._size // 4
        while sector < _LAST_SECTOR and len(listed) < count:
            numbers = self._numbers(sector)
            listed += numbers[: per_sector - 1]
            sector = numbers[-1]
        return [number for number in listed[:count] if number < _LAST_SECTOR]

    def _numbers(self, sector: int) -> list[int]:
        raw = self._sector(sector)
        return [int(number) for number in np.frombuffer(raw, "<u4")]

    def _sector(self, number: int) -> bytes:
        return self._raw.take(self._size * (number + 1), self._size, f"sector {number}")

    def _table(self, sectors: list[int]) -> NDArray[Any]:
        return np.frombuffer(self._joined(sectors), "<u4")

    def _joined(self, sectors: list[int]) -> bytes:
        """Return the content of sectors; the last one of a file may be shorter than the others."""
        parts = []
        for number in sectors:
            start = self._size * (number + 1)
            length = min(self._size, len(self._raw) - start)
            parts.append(self._raw.take(start, max(length, 0), f"sector {number}"))
        return b"".join(parts)

    def _chain(self, first: int, following: NDArray[Any]) -> list[int]:
        """Return the sectors of a stream in their order."""
        chain: list[int] = []
        sector = first
        while sector < _LAST_SECTOR:
            if sector >= len(following) or len(chain) >= len(following):
                problem = "a chain of its sectors leads out of the file, or in a circle"
                raise FileFormatError(self._raw.path, problem, COPY_AGAIN)
            chain.append(sector)
            sector = int(following[sector])
        return chain

    def _folder(self) -> dict[str, _Entry]:
        """Return the streams by name; that of the small ones has none."""
        content = self._joined(self._chain(self._raw.number("<I", _FOLDER), self._next))
        entries: dict[str, _Entry] = {}
        for start in range(0, len(content) - _ENTRY + 1, _ENTRY):
            entry = content[start : start + _ENTRY]
            kind = entry[_TYPE]
            if kind not in (_STREAM, _ROOT):
                continue
            length = int.from_bytes(entry[_NAME_LENGTH : _NAME_LENGTH + 2], "little")
            name = entry[: max(0, min(length, 64) - 2)].decode("utf-16-le", errors="replace")
            size = int.from_bytes(entry[_SIZE : _SIZE + 8], "little")
            if self._size == 512:  # only then are the upper four bytes part of nothing
                size &= 0xFFFFFFFF
            if size > _LARGEST:
                raise FileFormatError(self._raw.path, f"a stream of {size} bytes", COPY_AGAIN)
            first = int.from_bytes(entry[_FIRST : _FIRST + 4], "little")
            entries.setdefault("" if kind == _ROOT else name, _Entry(first, size))
        if "" not in entries:
            raise FileFormatError(self._raw.path, "its folder of streams is damaged", COPY_AGAIN)
        return entries
