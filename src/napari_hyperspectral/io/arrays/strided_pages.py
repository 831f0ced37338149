"""Plain TIFF pages with gaps between them, mapped: most cameras write each page behind its tags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from .lazy import Box, Lazy
from .mapped import mapped
from .positional import OpenFile

_DType: TypeAlias = np.dtype[Any]
_PLAIN: Final = 1
"""Value of the TIFF tags Compression, Predictor and FillOrder where bytes are stored as they are."""


def mapped_pages(
    path: Path,
    series: Any,
    stored: tuple[int, ...],
    dtype: _DType,
) -> NDArray[Any] | Lazy | None:
    """Return pages as an array, shape (page, *stored), or None where they cannot be mapped.

    Pages at even distances are one memory map; others are read one by one from a map of the file.

    Parameters
    ----------
    series : TiffPageSeries
        Equal pages, as tifffile has them.
    stored : tuple of int
        Shape of a page in the file.
    """
    pages = list(series.pages)
    keyframe = pages[0].keyframe
    fills_bytes = keyframe.bitspersample == 8 * dtype.itemsize
    if keyframe.is_tiled or not fills_bytes:
        return None
    if not keyframe.compression == keyframe.predictor == keyframe.fillorder == _PLAIN:
        return None
    file_path = pages[0].parent.filehandle.path
    if not path.samefile(file_path):
        return None
    length = math.prod(stored) * dtype.itemsize
    starts = []
    for page in pages:
        start = _start(page, file_path, length)
        if start is None:
            return None
        starts.append(start)
    if max(starts) + length > path.stat().st_size:
        return None
    pages_of = _even_pages if _is_even(starts) else _uneven_pages
    return pages_of(path, starts, stored, dtype)


def _start(
    page: Any,
    file_path: str,
    length: int,
) -> int | None:
    """Return the first byte of a page of so many bytes in this file, if its strips are contiguous."""
    if page is None or page.parent.filehandle.path != file_path:
        return None
    offsets = np.asarray(page.dataoffsets, np.int64)
    sizes = np.asarray(page.databytecounts, np.int64)
    has_strips = len(offsets) == len(sizes) > 0
    if not has_strips or sizes.sum() != length:
        return None
    ends = offsets + sizes
    contiguous = np.array_equal(offsets[1:], ends[:-1])
    return int(offsets[0]) if contiguous else None


def _is_even(starts: Sequence[int]) -> bool:
    if len(starts) == 1:
        return True
    steps = np.diff(starts)
    ascending = steps[0] > 0
    return bool((steps == steps[0]).all() and ascending)


def _even_pages(
    path: Path,
    starts: Sequence[int],
    stored: tuple[int, ...],
    dtype: _DType,
) -> NDArray[Any]:
    """Return pages at equal distances as one memory map, shape (page, *stored)."""
    length = math.prod(stored) * dtype.itemsize
    first = starts[0]
    end = starts[-1] + length
    step = length
    if len(starts) > 1:
        step = starts[1] - first
    raw = mapped(path, np.uint8, (end - first,), first)
    shape = (len(starts), *stored)
    return _view(raw, shape, step, dtype)


def _uneven_pages(
    path: Path,
    starts: Sequence[int],
    stored: tuple[int, ...],
    dtype: _DType,
) -> Lazy:
    """Return pages at any distances as a lazy array, shape (page, *stored)."""
    file = OpenFile(path)
    strides = np.empty((0, *stored), dtype).strides[1:]

    def read(box: Box) -> NDArray[Any]:
        pages = []
        for start in starts[box[0]]:
            offset = start
            shape = []
            steps = []
            for part, stride in zip(box[1:], strides, strict=True):
                offset += part.start * stride
                shape.append(len(range(part.start, part.stop, part.step)))
                steps.append(part.step * stride)
            pages.append(file.values(offset, shape, steps, dtype))
        return np.stack(pages)

    shape = (len(starts), *stored)
    return Lazy(read, shape, dtype, (1, *stored))


def _view(
    raw: NDArray[Any],
    shape: tuple[int, ...],
    step: int,
    dtype: DTypeLike,
) -> NDArray[Any]:
    """Return bytes as an array whose first axis has steps of so many bytes."""
    size = np.dtype(dtype).itemsize
    pages, *rows, width = shape
    inner = (*rows, width * size)  # shape of a page in bytes
    # each axis steps over all that the axes after it hold
    strides = [math.prod(inner[axis:]) for axis in range(1, len(inner) + 1)]
    view: NDArray[Any] = as_strided(
        raw,
        (pages, *inner),
        (step, *strides),
        subok=True,
    )
    return view.view(dtype)
