"""Arrays that stay in their file, quick along every axis.

A system reads a mapped file ahead: right for a band, and wrong for the spectrum of one pixel of
a band-sequential file, where it fetches 128 KB for every 4 bytes (2 s a spectrum of a cold 2 GB
file). So the file is mapped twice, and what is scattered is taken from the mapping that is read
page by page (0.04 s).
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

_PAGE: Final = mmap.PAGESIZE
_SPARSE: Final = 4
"""How many times more lies between the pieces of a view than in them for it to be scattered."""


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
    """A memory map with a second mapping of the same file for what is scattered in it."""

    first_byte: int | None = None
    """Address at which the file begins (or would)."""
    _pages: NDArray[np.uint8] | None = None

    def __array_finalize__(self, obj: object) -> None:
        super().__array_finalize__(obj)
        if isinstance(obj, Mapped) and not self._is_copy():
            self.first_byte, self._pages = obj.first_byte, obj._pages

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)  # what was computed lies in memory
        return plain[()] if return_scalar else plain

    def __getitem__(self, index: Any) -> Any:
        view = super().__getitem__(index)
        if not isinstance(view, Mapped):
            return view
        if view._is_copy():  # an index that is itself an array makes one
            return view.view(np.ndarray)
        return self._page_by_page(view) if _is_scattered(view) else view

    def _is_copy(self) -> bool:
        return getattr(self, "_mmap", None) is None

    def _page_by_page(self, view: Self) -> NDArray[Any]:
        """Return the same view of the mapping that is not read ahead."""
        if self.first_byte is None or not hasattr(mmap, "MADV_RANDOM"):
            return view
        if self._pages is None:
            with Path(self.filename or "").open("rb") as file:
                pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            pages.madvise(mmap.MADV_RANDOM)
            self._pages = np.frombuffer(pages, np.uint8)
        start = view.ctypes.data - self.first_byte
        return np.ndarray(view.shape, view.dtype, self._pages.data, start, view.strides)


def _is_scattered(view: NDArray[Any]) -> bool:
    """Whether much more lies between the pieces of a view than in them."""
    run, pieces, span = view.itemsize, 1, view.itemsize
    for stride, size in sorted(zip(map(abs, view.strides), view.shape, strict=True)):
        span += stride * (size - 1)
        if stride == run:
            run *= size
        else:
            pieces *= size
    return span > _SPARSE * pieces * (run + _PAGE)
