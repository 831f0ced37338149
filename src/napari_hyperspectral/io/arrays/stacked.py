"""Arrays of equal shape as one: the bands that a file keeps one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lazy import Box, Lazy


def stacked(arrays: Sequence[Any]) -> Lazy:
    """Return arrays as one, shape (array, *shape of each), that reads only those it needs.

    Parameters
    ----------
    arrays : sequence of array
        Lazy or not, all of one shape and type.
    """
    first = arrays[0]
    shape = tuple(int(size) for size in first.shape)

    def read(box: Box) -> NDArray[Any]:
        chosen, *inside = box
        parts = [np.asarray(array[tuple(inside)]) for array in arrays[chosen]]
        return np.stack(parts)

    inner: Any = getattr(first, "chunks", None) or shape
    if not all(isinstance(size, int) for size in inner):
        inner = shape  # dask has the size of each chunk
    return Lazy(read, (len(arrays), *shape), first.dtype, (1, *inner))
