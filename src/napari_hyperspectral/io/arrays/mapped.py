"""Memory maps that are fast along every axis.

A system reads a mapped file ahead: right for all of it, and wrong for the spectrum of one pixel
of a band-sequential file, where it fetches megabytes for every 4 bytes. So the file is mapped
twice. A view that is small or sparse is taken from a mapping without read-ahead, and its pages
are prefetched, all at once: a cold spectrum of 2 GB took 2 s, and takes 0.02 s.
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
"""Bytes between two segments that are read rather than skipped."""
_MOST_BYTES: Final = 128 * 2**20
_MOST_SEGMENTS: Final = 8192
"""Bounds of what is prefetched; nobody waits for all of a larger view at once."""
_ADVISED: Final = 2**18
"""Bytes that are prefetched a call: Linux cuts a longer request to the read-ahead of the disk."""
_CAN_ADVISE: Final = hasattr(mmap, "MADV_RANDOM") and hasattr(mmap, "MADV_WILLNEED")


def mapped(
    path: Path,
    dtype: DTypeLike,
    shape: tuple[int, ...],
    offset: int = 0,
) -> NDArray[Any]:
    """Return an array of a file, read-only, of which only the values that are used are read.

    Parameters
    ----------
    path : path
        The file; it must have been seen to be long enough.
    dtype, shape, offset
        Type (with its byte order), shape (C order) and first byte of the array.
    """
    return with_second_mapping(np.memmap(path, dtype, "r", offset, shape))


def with_second_mapping(array: np.memmap[Any, Any]) -> NDArray[Any]:
    """Return a memory map of numpy's that can also be read without read-ahead."""
    view = array.view(Mapped)
    view.first_byte = array.ctypes.data - array.offset
    return view


class Mapped(np.memmap[Any, Any]):
    """A memory map with a second mapping of the same file, for views that are small or sparse."""

    first_byte: int | None = None
    """Address at which the file begins (or would)."""
    _second: mmap.mmap | None = None

    def __array_finalize__(self, obj: object) -> None:
        super().__array_finalize__(obj)
        if isinstance(obj, Mapped) and not self._is_copy():
            self.first_byte = obj.first_byte
            self._second = obj._second

    def __array_wrap__(
        self,
        array: Any,
        context: Any = None,
        return_scalar: bool = False,
    ) -> Any:
        result = np.asarray(array)  # what was computed lies in memory
        if return_scalar or not result.ndim:  # NumPy 1 does not say which it wants
            return result[()]
        return result

    def __getitem__(self, index: Any) -> Any:
        view = super().__getitem__(index)
        if not isinstance(view, Mapped):
            return view
        if view._is_copy():  # an index that is itself an array makes one
            return view.view(np.ndarray)
        if self.first_byte is None or not _CAN_ADVISE or not view.size:
            return view
        segments = _segments(view)
        is_large = segments.bytes > _MOST_BYTES
        if is_large and not segments.sparse:
            return view  # read-ahead is right for it
        return self._without_read_ahead(view, segments)

    def _is_copy(self) -> bool:
        return getattr(self, "_mmap", None) is None

    def _without_read_ahead(self, view: Self, segments: _Segments) -> NDArray[Any]:
        """Return the same view of the second mapping, its pages being prefetched."""
        if self._second is None:
            with Path(self.filename or "").open("rb") as file:
                self._second = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._second.madvise(mmap.MADV_RANDOM)
        first_byte = self.first_byte or 0
        is_small = segments.bytes <= _MOST_BYTES
        if is_small and segments.number <= _MOST_SEGMENTS:
            for address in segments.addresses():
                start = address - first_byte
                stop = start + segments.length
                _prefetch(self._second, start, stop)
        offset = view.ctypes.data - first_byte
        return np.ndarray(
            view.shape,
            view.dtype,
            self._second,
            offset,
            view.strides,
        )


def _prefetch(
    pages: mmap.mmap,
    start: int,
    stop: int,
) -> None:
    """Have the bytes from `start` to `stop` read, and do not wait for them."""
    page = start // _PAGE
    for offset in range(page * _PAGE, stop, _ADVISED):
        pages.madvise(
            mmap.MADV_WILLNEED,
            offset,
            min(_ADVISED, stop - offset),
        )


class _Segments(NamedTuple):
    """The contiguous bytes that a view consists of, all segments of one length."""

    lowest: int
    """Address of the first byte."""
    length: int
    """Bytes of each segment, small gaps in it included."""
    steps: tuple[tuple[int, int], ...]
    """How segments follow each other: (bytes from one to the next, how many), for each axis."""

    @property
    def number(self) -> int:
        """Number of segments."""
        sizes = [size for _, size in self.steps]
        return int(np.prod(sizes, dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Bytes that are read for the segments, which is whole pages."""
        return self.number * (self.length + _PAGE)

    @property
    def sparse(self) -> bool:
        """Whether much more lies between the segments than in them."""
        span = self.length
        for step, size in self.steps:
            span += step * (size - 1)
        return span > 4 * self.bytes

    def addresses(self) -> Iterator[int]:
        """Return the address of the first byte of each segment."""
        addresses = np.array([self.lowest])
        for step, size in self.steps:
            along = step * np.arange(size)
            addresses = (addresses[:, None] + along).ravel()
        return iter(addresses.tolist())


def _segments(view: NDArray[Any]) -> _Segments:
    """Return the segments of a view: axes of small steps make them up, the others count them."""
    lowest = view.ctypes.data
    for stride, size in zip(view.strides, view.shape, strict=True):
        lowest += min(0, stride) * (size - 1)  # a reversed axis begins at its last value
    length = view.itemsize
    steps: list[tuple[int, int]] = []
    strides = [abs(stride) for stride in view.strides]
    axes = sorted(zip(strides, view.shape, strict=True))  # the smallest steps first
    for stride, size in axes:
        is_contiguous = stride <= length + _GAP
        if is_contiguous and not steps:
            length += stride * (size - 1)
        elif size > 1:
            steps.append((stride, size))
    return _Segments(lowest, length, tuple(steps))
