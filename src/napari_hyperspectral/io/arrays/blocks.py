"""Lazy arrays, a block at a time, so that what is larger than memory can still be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_BYTES: Final = 64 * 2**20


def blocks(array: Any) -> Iterator[tuple[tuple[int | slice, ...], NDArray[Any]]]:
    """Yield an array in C order as loaded blocks of whole bands, each after its index.

    A block is about 64 MB, or one chunk of bands of a chunked array where that is more, so
    that no chunk is computed twice.

    Parameters
    ----------
    array : array, shape (…, band, y, x) or (y, x)
        Of labels, the rows take the part of the bands.
    """
    shape = tuple(int(size) for size in array.shape)
    leading = max(len(shape) - 3, 0)
    bands, *plane = shape[leading:]
    step = _bands_a_block(array, plane, leading)
    for index in np.ndindex(*shape[:leading]):
        for start in range(0, bands, step):
            block = (*index, slice(start, min(start + step, bands)))
            yield block, np.asarray(array[block])


def _bands_a_block(array: Any, plane: Sequence[int], axis: int) -> int:
    """Return how many bands are loaded at a time: whole chunks of them, if there are chunks."""
    bytes_a_band: int = int(np.prod(plane)) * np.dtype(array.dtype).itemsize
    step: int = max(1, _BYTES // max(1, bytes_a_band))
    chunks = getattr(array, "chunks", None)
    if not chunks:
        return step
    along = chunks[axis]
    # dask has the size of each chunk, zarr one size for all of them
    chunk = int(max(along)) if isinstance(along, tuple) else int(along)
    return max(chunk, step // chunk * chunk)
