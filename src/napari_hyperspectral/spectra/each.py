"""Apply a function to every spectrum of an array, a slab at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .arrays import Float32, GoodBands, Intensities, Mask, SpectraTable

_SLAB: Final = 2**20
"""Values that are processed at a time, to bound memory."""


def each_spectrum(
    step: Callable[[SpectraTable], SpectraTable], data: Intensities, band: int = -3
) -> Float32:
    """Return the result of `step` for every spectrum, float32, in the shape of `data`.

    Parameters
    ----------
    step : callable
        Maps a table, (spectrum, band), to another of that shape, row by row: the result of a
        spectrum may not depend on the others, so that parts of an image give parts of the result.
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit; infinite values count as missing (NaN).
    band : int
        Axis of `data` along which the bands lie.
    """
    bands = np.moveaxis(data, band, 0)
    flat = bands.reshape(len(bands), -1)
    result = np.empty(flat.shape, np.float32)  # (band, spectrum)
    spectra_at_a_time = max(1, _SLAB // len(flat))
    for first in range(0, flat.shape[1], spectra_at_a_time):
        slab = slice(first, first + spectra_at_a_time)
        # contiguous rows: sums along them give the same bits, whatever the number of rows
        table = np.ascontiguousarray(flat[:, slab].T, np.float64)
        table[~np.isfinite(table)] = np.nan
        result[:, slab] = step(table).T
    return np.moveaxis(result.reshape(bands.shape), 0, band)


def used_values(table: SpectraTable, good: GoodBands | None) -> Mask:
    """Return which values of a table, (spectrum, band), count: those measured in good bands."""
    known = np.isfinite(table)
    if good is None:
        return known
    return known & good
