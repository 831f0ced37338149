"""One step for every spectrum of an array, a slab at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Table: TypeAlias = NDArray[np.float64]
"""Spectra as rows, shape (spectrum, band)."""
Bands: TypeAlias = NDArray[np.bool_]
"""Which bands are meant, shape (band,)."""

_SLAB: Final = 2**20
"""Values that are worked on at a time."""


def each_spectrum(
    step: Callable[[Table], Table], data: NDArray[Any], band: int = -3
) -> NDArray[np.float32]:
    """Return what `step` makes of all spectra.

    Parameters
    ----------
    step : callable
        From a table, (spectrum, band), to another of that shape, row by row: what becomes of a
        spectrum may not depend on the others, so that parts of an image give parts of the result.
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities; infinite ones are missing (NaN).
    """
    bands = np.moveaxis(data, band, 0)
    flat = bands.reshape(len(bands), -1)
    made = np.empty(flat.shape, np.float32)
    thick = max(1, _SLAB // len(flat))
    for first in range(0, flat.shape[1], thick):
        # rows lie one after the other: sums along them are the same bits, however many rows
        table = np.ascontiguousarray(flat[:, first : first + thick].T, np.float64)
        table[~np.isfinite(table)] = np.nan
        made[:, first : first + thick] = step(table).T
    return np.moveaxis(made.reshape(bands.shape), 0, band)


def counted(table: Table, good: Bands | None) -> NDArray[np.bool_]:
    """Return which values of a table count: those that were measured, in good bands."""
    known = np.isfinite(table)
    return known if good is None else known & good
