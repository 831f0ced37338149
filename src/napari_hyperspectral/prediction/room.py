"""Room in memory for the result of a prediction, which is refused before the work if there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from ..cube import Cube
from ..devices import free_bytes
from ..spectra.arrays import Float32

_CPU: Final = torch.device("cpu")
"""Where results are put together."""
_LITTLE: Final = 0.25
"""Share of the free memory."""


class ResultTooLargeError(MemoryError):
    """The result of a prediction does not fit into memory."""

    def __init__(self, shape: Sequence[int], needed: int, free: int | None = None) -> None:
        size = " × ".join(f"{length:,}" for length in shape)
        there = "which is not there" if free is None else f"{free / 2**30:.1f} GB are free"
        super().__init__(
            f"the result, {size} values, needs about {needed / 2**30:.1f} GB of memory, {there}; crop the "
            "cube, or predict parts of it one after the other"
        )


def loaded_if_small(cube: Cube) -> Cube:
    """Return a cube, loaded where that takes little of the memory.

    Of a lazy one that was prepared, tiles would compute the same parts again and again.
    """
    needed = math.prod(cube.shape) * np.dtype(np.float32).itemsize
    if needed > _LITTLE * free_bytes(_CPU):
        return cube
    return replace(cube, data=cube.numpy())


def empty_result(shape: Sequence[int]) -> Float32:
    """Return zeros of a shape, float32.

    Raises
    ------
    ResultTooLargeError
        If they do not fit into memory.
    """
    needed = math.prod(shape) * np.dtype(np.float32).itemsize
    free = free_bytes(_CPU)
    if needed > free:  # now, not when the memory is full
        raise ResultTooLargeError(shape, needed, free)
    try:
        return np.zeros(shape, np.float32)
    except MemoryError as error:  # less than is free may be allowed to this process
        raise ResultTooLargeError(shape, needed) from error
