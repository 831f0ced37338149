"""Plain TIFF pages with gaps between them, mapped: most cameras write each page behind its tags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from .lazy import Box, Lazy
from .mapped import mapped


def scattered(path: Path, series: Any, stored: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return pages as an array, shape (page, *stored), or None where they cannot be mapped.

    Pages at even distances are one memory map, others are looked for in one, each by itself.
    """
    pages = list(series.pages)
    keyframe = pages[0].keyframe
    plain = keyframe.compression == keyframe.predictor == keyframe.fillorder == 1
    if not plain or keyframe.is_tiled or keyframe.bitspersample != 8 * dtype.itemsize:
        return None
    length = math.prod(stored) * dtype.itemsize
    here = pages[0].parent.filehandle.path
    if not path.samefile(here):
        return None
    starts = [_start(page, here, length) for page in pages]
    found = [start for start in starts if start is not None]
    if len(found) < len(pages) or max(found) + length > path.stat().st_size:
        return None
    return (
        _evenly(path, found, stored, dtype) if _even(found) else _mixed(path, found, stored, dtype)
    )


def _start(page: Any, here: str, length: int) -> int | None:
    """Return the first byte of a page in this file, if its strips follow each other."""
    if page is None or page.parent.filehandle.path != here:
        return None
    offsets, sizes = (np.asarray(v, np.int64) for v in (page.dataoffsets, page.databytecounts))
    joined = len(offsets) == len(sizes) > 0 and (offsets[1:] == (offsets + sizes)[:-1]).all()
    return int(offsets[0]) if joined and sizes.sum() == length else None


def _even(starts: Sequence[int]) -> bool:
    steps = np.diff(starts)
    return len(starts) == 1 or bool((steps == steps[0]).all() and steps[0] > 0)


def _evenly(
    path: Path, starts: Sequence[int], stored: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    length = math.prod(stored) * dtype.itemsize
    raw = mapped(path, np.uint8, (starts[-1] + length - starts[0],), starts[0])
    step = starts[1] - starts[0] if len(starts) > 1 else length
    return _view(raw, (len(starts), *stored), step, dtype)


def _mixed(
    path: Path, starts: Sequence[int], stored: tuple[int, ...], dtype: np.dtype[Any]
) -> Lazy:
    whole = mapped(path, np.uint8, (path.stat().st_size,))
    whole[:1]  # the second mapping, which all the pages then share
    length = math.prod(stored) * dtype.itemsize

    def read(box: Box) -> NDArray[Any]:
        # a view that asks for nothing yet: the box may be a pixel of each page
        parts = [
            np.memmap.__getitem__(whole, slice(start, start + length)) for start in starts[box[0]]
        ]
        inside: Any = (0, *box[1:])
        return np.stack([_view(part, (1, *stored), length, dtype)[inside] for part in parts])

    return Lazy(read, (len(starts), *stored), dtype, (1, *stored))


def _view(raw: NDArray[Any], shape: tuple[int, ...], step: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return bytes as an array whose first axis has steps of so many bytes."""
    size = np.dtype(dtype).itemsize
    inner = (*shape[1:-1], shape[-1] * size)
    strides = [math.prod(inner[place:]) for place in range(1, len(inner) + 1)]
    view: NDArray[Any] = as_strided(raw, (shape[0], *inner), (step, *strides), subok=True)
    return view.view(dtype)
