"""Lazy arrays, a block at a time, so that what is larger than memory can still be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

_BYTES: Final = 64 * 2**20
_Index: TypeAlias = tuple[int | slice, ...]


def blocks(array: Any) -> Iterator[tuple[_Index, NDArray[Any]]]:
    """Yield an array in C order as loaded blocks of whole bands, each after its index.

    A block is about 64 MB, or one chunk of bands of a chunked array where that is more, so
    that no chunk is computed twice.

    Parameters
    ----------
    array : array, shape (…, band, y, x) or (y, x)
        Of labels, the rows take the part of the bands.
    """
    shape = tuple(int(size) for size in array.shape)
    axis = max(len(shape) - 3, 0)  # of the bands
    bands, *plane = shape[axis:]
    step = _bands_a_block(array, plane, axis)
    for index in np.ndindex(*shape[:axis]):
        for start in range(0, bands, step):
            stop = min(start + step, bands)
            block = (*index, slice(start, stop))
            yield block, np.asarray(array[block])


def _bands_a_block(
    array: Any,
    plane: Sequence[int],
    axis: int,
) -> int:
    """Return how many bands are loaded at a time: whole chunks of them, if there are chunks."""
    itemsize = np.dtype(array.dtype).itemsize
    bytes_a_band = max(1, int(np.prod(plane)) * itemsize)
    step: int = max(1, _BYTES // bytes_a_band)
    chunks = getattr(array, "chunks", None)
    if not chunks:
        return step
    along = chunks[axis]
    # dask has the size of each chunk, zarr one size for all of them
    if isinstance(along, tuple):
        along = max(along)
    chunk = int(along)
    chunks_a_block = step // chunk
    return max(chunk, chunks_a_block * chunk)
