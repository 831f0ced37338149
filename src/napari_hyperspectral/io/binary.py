"""Bytes of binary files, every access held to the bounds of the file."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import FileFormatError

COPY_AGAIN = "copy it again, it may be incomplete"


class Bytes:
    """The bytes of a file; reading past its end is one readable error.

    Parameters
    ----------
    path : path
        The file. It is mapped, not loaded.

    Raises
    ------
    FileFormatError
        If it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            try:
                self._raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:
                raise FileFormatError(path, "the file is empty", COPY_AGAIN) from error

    def __len__(self) -> int:
        return len(self._raw)

    def take(self, start: int, length: int, what: str = "") -> bytes:
        """Return `length` bytes from `start`; the error names `what` they are, if they are missing."""
        stop = start + length
        if start < 0 or length < 0 or stop > len(self):
            needed = f"{what or 'what follows'} needs bytes {start} to {stop}"
            raise FileFormatError(
                self.path, f"the file ends at byte {len(self)}, {needed}", COPY_AGAIN
            )
        return self._raw[start:stop]

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
        return self._raw.find(pattern, start)
