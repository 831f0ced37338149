"""Read some bands of an image block by block, and keep a few numbers of each pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np

from ...progress import Job, Progress
from ..arrays import Array, Float32, Intensities

NumbersOfPixels: TypeAlias = Callable[[Intensities], Array]
"""Maps some bands of an image, (band, y, x), to some numbers of each of its pixels, (number, y, x)."""
_VALUES: Final = 2**22
"""Values that are read at a time."""


def numbers_steps(
    data: Any, bands: slice, numbers: NumbersOfPixels, count: int, note: str = ""
) -> Job[Float32]:
    """Yield progress; return some numbers of each pixel of an image that may not fit in memory.

    Parameters
    ----------
    data : array, shape (…, band, y, x)
        May be lazy: only `bands` are read, some rows at a time.
    bands : slice
        Of consecutive bands, without a step.
    numbers : callable
        What is kept of (band, y, x); the result for a pixel may not depend on the others.
    count : int
        How many numbers these are.
    note : str
        Shown with the progress.

    Returns
    -------
    ndarray of float32, shape (…, count, y, x)
    """
    *leading, _, height, width = (int(size) for size in data.shape)
    result = np.empty((*leading, count, height, width), np.float32)
    rows_at_a_time = _rows_at_a_time(data, bands.stop - bands.start)
    planes = math.prod(leading)
    for number, plane in enumerate(np.ndindex(*leading)):
        for first in range(0, height, rows_at_a_time):
            rows = slice(first, min(first + rows_at_a_time, height))
            part = np.asarray(data[(*plane, bands, rows)])  # (band, row, x)
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                result[(*plane, slice(None), rows)] = numbers(part)
            yield Progress(number * height + rows.stop, planes * height, note=note)
    return result


def _rows_at_a_time(data: Any, bands: int) -> int:
    """Return rows of a block: a multiple of the chunks in which they are stored, if not too many."""
    rows = max(1, _VALUES // (bands * int(data.shape[-1])))
    chunks = getattr(data, "chunks", None)
    if not chunks:
        return rows
    stored = chunks[-2]
    in_a_chunk = max(stored) if isinstance(stored, tuple) else int(stored)
    return max(1, rows // in_a_chunk) * in_a_chunk
