"""Lazy arrays, a piece at a time, so that what is larger than memory can still be written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_BYTES: Final = 64 * 2**20


def blocks(array: Any) -> Iterator[tuple[tuple[int | slice, ...], NDArray[Any]]]:
    """Yield an array in C order as loaded pieces of whole bands, each with its place.

    A piece is about 64 MB, or one chunk of bands of a chunked array where that is more, so
    that no chunk is worked out twice.
    """
    shape = tuple(int(size) for size in array.shape)
    lead = max(len(shape) - 3, 0)
    rest = shape[lead:]
    chunks = getattr(array, "chunks", None)
    step = max(1, _BYTES // max(1, int(np.prod(rest[1:])) * np.dtype(array.dtype).itemsize))
    if chunks:
        along = chunks[lead]
        widest = int(max(along)) if isinstance(along, tuple) else int(along)
        step = max(widest, step // widest * widest)
    for index in np.ndindex(*shape[:lead]):
        for start in range(0, rest[0], step):
            place = (*index, slice(start, min(start + step, rest[0])))
            yield place, np.asarray(array[place])
