"""Arrays that stay in their file, quick along every axis.

A system reads a mapped file ahead: right for all of it, and wrong for the spectrum of one pixel
of a band-sequential file, where it fetches megabytes for every 4 bytes. So the file is mapped
twice. What is small or scattered is taken from a mapping that is not read ahead, and its pages
are asked for beforehand, all at once: a cold spectrum of 2 GB took 2 s, and takes 0.02 s.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

_PAGE: Final = mmap.PAGESIZE
_GAP: Final = 16 * _PAGE
"""Bytes between two pieces that are rather read than jumped over."""
_MOST_BYTES: Final = 128 * 2**20
_MOST_PIECES: Final = 8192
"""What is asked for beforehand, at most; of a larger view, people need no piece at once."""
_ASKED: Final = 2**18
"""Bytes that are asked for at a time: Linux cuts a longer wish to the read-ahead of the disk."""
_CAN_ADVISE: Final = hasattr(mmap, "MADV_RANDOM") and hasattr(mmap, "MADV_WILLNEED")


def mapped(path: Path, dtype: DTypeLike, shape: tuple[int, ...], offset: int = 0) -> NDArray[Any]:
    """Return an array of a file, read-only, of which only what is looked at is read.

    Parameters
    ----------
    path : path
        The file; it must have been seen to be long enough.
    dtype, shape, offset
        Type (with its byte order), shape (C order) and first byte of the array.
    """
    return twice(np.memmap(path, dtype, "r", offset, shape))


def twice(array: np.memmap[Any, Any]) -> NDArray[Any]:
    """Return a memory map of numpy's with the second mapping added."""
    view = array.view(Mapped)
    view.first_byte = array.ctypes.data - array.offset
    return view


class Mapped(np.memmap[Any, Any]):
    """A memory map with a second mapping of the same file, for what is small or scattered in it."""

    first_byte: int | None = None
    """Address at which the file begins (or would)."""
    _second: mmap.mmap | None = None

    def __array_finalize__(self, obj: object) -> None:
        super().__array_finalize__(obj)
        if isinstance(obj, Mapped) and not self._is_copy():
            self.first_byte, self._second = obj.first_byte, obj._second

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)  # what was computed lies in memory
        return plain[()] if return_scalar else plain

    def __getitem__(self, index: Any) -> Any:
        view = super().__getitem__(index)
        if not isinstance(view, Mapped):
            return view
        if view._is_copy():  # an index that is itself an array makes one
            return view.view(np.ndarray)
        if self.first_byte is None or not _CAN_ADVISE or not view.size:
            return view
        pieces = _pieces(view)
        if pieces.bytes > _MOST_BYTES and not pieces.scattered:
            return view
        return self._exactly(view, pieces)

    def _is_copy(self) -> bool:
        return getattr(self, "_mmap", None) is None

    def _exactly(self, view: Self, pieces: _Pieces) -> NDArray[Any]:
        """Return the same view of the mapping that is not read ahead, its pages asked for."""
        if self._second is None:
            with Path(self.filename or "").open("rb") as file:
                self._second = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._second.madvise(mmap.MADV_RANDOM)
        first_byte = self.first_byte or 0
        if pieces.bytes <= _MOST_BYTES and pieces.number <= _MOST_PIECES:
            for start in pieces.starts():
                _ask(self._second, start - first_byte, start - first_byte + pieces.length)
        start = view.ctypes.data - first_byte
        return np.ndarray(view.shape, view.dtype, self._second, start, view.strides)


def _ask(pages: mmap.mmap, start: int, stop: int) -> None:
    """Ask for the bytes from `start` to `stop` to be read, and do not wait."""
    for place in range(start // _PAGE * _PAGE, stop, _ASKED):
        pages.madvise(mmap.MADV_WILLNEED, place, min(_ASKED, stop - place))


class _Pieces(NamedTuple):
    """The stretches of bytes that a view consists of."""

    lowest: int
    """Address of the first byte."""
    length: int
    """Bytes of each stretch, small gaps in it included."""
    steps: tuple[tuple[int, int], ...]
    """How stretches follow each other: (bytes from one to the next, how many)."""

    @property
    def number(self) -> int:
        return int(np.prod([size for _, size in self.steps], dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.number * (self.length + _PAGE)

    @property
    def scattered(self) -> bool:
        """Whether much more lies between the pieces than in them."""
        span = self.length + sum(step * (size - 1) for step, size in self.steps)
        return span > 4 * self.bytes

    def starts(self) -> Iterator[int]:
        places = np.array([self.lowest])
        for step, size in self.steps:
            places = (places[:, None] + step * np.arange(size)).ravel()
        return iter(places.tolist())


def _pieces(view: NDArray[Any]) -> _Pieces:
    lowest, length = view.ctypes.data, view.itemsize
    steps: list[tuple[int, int]] = []
    for stride, size in zip(view.strides, view.shape, strict=True):
        lowest += min(0, stride) * (size - 1)
    for stride, size in sorted(zip(map(abs, view.strides), view.shape, strict=True)):
        if stride <= length + _GAP and not steps:
            length += stride * (size - 1)
        elif size > 1:
            steps.append((stride, size))
    return _Pieces(lowest, length, tuple(steps))
