"""Bytes of binary files, every access held to the bounds of the file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import FileFormatError
from ..files.regular import check_regular
from .arrays.positional import OpenFile

COPY_AGAIN = "copy it again, it may be incomplete"
_BLOCK = 2**20
"""Bytes that are searched at a time."""


class Bytes:
    """The bytes of a file; reading past its end is one readable error.

    Parameters
    ----------
    path : path
        The file. It stays open, and is read where it is looked at.

    Raises
    ------
    FileFormatError
        If it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_regular(path)
        self._file = OpenFile(path)
        if not len(self._file):
            raise FileFormatError(path, "the file is empty", COPY_AGAIN)

    def __len__(self) -> int:
        return len(self._file)

    def take(self, start: int, length: int, what: str = "") -> bytes:
        """Return `length` bytes from `start`; the error names `what` they are, if they are missing."""
        stop = start + length
        if start < 0 or length < 0 or stop > len(self):
            needed = f"{what or 'what follows'} needs bytes {start} to {stop}"
            raise FileFormatError(
                self.path, f"the file ends at byte {len(self)}, {needed}", COPY_AGAIN
            )
        return self._file.read(start, length) if length else b""

    def unpack(self, layout: str, start: int, what: str = "") -> tuple[Any, ...]:
        """Return the numbers at `start`, in the layout of `struct`, such as "<HI"."""
        size = struct.calcsize(layout)
        return struct.unpack(layout, self.take(start, size, what))

    def number(self, layout: str, start: int, what: str = "") -> Any:
        """Return one number; see `unpack`."""
        return self.unpack(layout, start, what)[0]

    def array(self, dtype: DTypeLike, count: int, start: int, what: str = "") -> NDArray[Any]:
        """Return a copy of `count` values from `start`, shape (count,)."""
        raw = self.take(start, count * np.dtype(dtype).itemsize, what)
        return np.frombuffer(raw, dtype).copy()  # `raw` itself would be read-only

    def text(self, start: int, length: int, encoding: str = "latin-1", what: str = "") -> str:
        """Return a text that ends at a NUL or after `length` bytes, without blanks around it."""
        raw = self.take(start, length, what)
        if encoding.lower().startswith("utf-16"):
            # half of the bytes of plain letters are 0: only a decoded NUL ends the text
            return raw.decode(encoding, errors="replace").partition("\0")[0].strip()
        return raw.partition(b"\0")[0].decode(encoding, errors="replace").strip()

    def find(self, pattern: bytes, start: int = 0) -> int:
        """Return the offset of the first `pattern` from `start` on, or -1."""
        overlap = len(pattern) - 1  # it may lie across the end of a block
        start = max(0, start)
        while start < len(self):
            length = min(_BLOCK, len(self) - start)
            found = self._file.read(start, length).find(pattern)
            if found >= 0:
                return start + found
            start += max(1, length - overlap)
        return -1
