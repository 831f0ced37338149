"""Binary files taken apart, every step held to the bounds of the file."""

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
        """Return `length` bytes from `start`; `what` they are is told where they are missing."""
        if start < 0 or length < 0 or start + length > len(self):
            wanted = f"{what or 'what follows'} needs bytes {start} to {start + length}"
            raise FileFormatError(
                self.path, f"the file ends at byte {len(self)}, {wanted}", COPY_AGAIN
            )
        return self._raw[start : start + length]

    def unpack(self, layout: str, start: int, what: str = "") -> tuple[Any, ...]:
        """Return the numbers at `start`, in the layout of `struct`, such as "<HI"."""
        return struct.unpack(layout, self.take(start, struct.calcsize(layout), what))

    def number(self, layout: str, start: int, what: str = "") -> Any:
        """Return one number; see `unpack`."""
        return self.unpack(layout, start, what)[0]

    def array(self, dtype: DTypeLike, count: int, start: int, what: str = "") -> NDArray[Any]:
        """Return a copy of `count` values from `start`."""
        return np.frombuffer(self.take(start, count * np.dtype(dtype).itemsize, what), dtype).copy()

    def text(self, start: int, length: int, encoding: str = "latin-1", what: str = "") -> str:
        """Return a text that ends at a NUL or after `length` bytes, without blanks around it."""
        raw = self.take(start, length, what)
        if encoding.lower().startswith("utf-16"):
            return raw.decode(encoding, errors="replace").partition("\0")[0].strip()
        return raw.partition(b"\0")[0].decode(encoding, errors="replace").strip()

    def find(self, wanted: bytes, start: int = 0) -> int:
        """Return where `wanted` first stands from `start` on, or -1."""
        return self._raw.find(wanted, start)
