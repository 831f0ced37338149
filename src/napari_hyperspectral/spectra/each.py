"""Apply a function to every spectrum of an array, a slab at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from .arrays import Block, Float32, GoodBands, Intensities, Mask, SpectraTable

_SLAB: Final = 2**17
"""Values that are processed at a time: they stay in the processor while steps pass over them."""


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


def each_block(
    step: Callable[[Block], Block], data: Intensities, band: int = -3, values: int = _SLAB
) -> Float32:
    """Return the result of `step` for every spectrum, float32, in the shape of `data`.

    As `each_spectrum`, for steps that go along the bands, one or a few at a time, for many spectra
    at once: those of one band lie side by side in memory.

    Parameters
    ----------
    step : callable
        Maps a block, (band, spectrum), of at least two spectra, to another of that shape, column
        by column.
    data, band
        See `each_spectrum`.
    values : int
        Size of a block.
    """
    bands = np.moveaxis(data, band, 0)
    flat = bands.reshape(len(bands), -1)
    result = np.empty(flat.shape, np.float32)  # (band, spectrum)
    spectra_at_a_time = max(8, values // len(flat) // 8 * 8)
    for first in range(0, flat.shape[1], spectra_at_a_time):
        slab = slice(first, first + spectra_at_a_time)
        block = np.array(flat[:, slab], np.float64, order="C")
        block[~np.isfinite(block)] = np.nan
        spectra = block.shape[1]
        if spectra == 1:
            # the sum of a single column is added in another order than that of many
            block = np.repeat(block, 2, axis=1)
        result[:, slab] = step(block)[:, :spectra]
    return np.moveaxis(result.reshape(bands.shape), 0, band)


def used_in_block(block: Block, good: GoodBands | None) -> Mask:
    """Return which values of a block, (band, spectrum), count: those measured in good bands."""
    known = np.isfinite(block)
    if good is None:
        return known
    return known & good[:, None]


def bridged(block: Block, used: Mask) -> Block:
    """Return spectra, (band, spectrum), with straight lines over the values that are not used.

    Beyond the first and the last used value, that value goes on; spectra without any are 0.
    """
    if used.all():
        return block
    band = np.arange(len(block))[:, None]
    before = np.maximum.accumulate(np.where(used, band, -1), axis=0)
    after = np.minimum.accumulate(np.where(used, band, len(block))[::-1], axis=0)[::-1]
    before, after = (
        np.where(before >= 0, before, np.minimum(after, len(block) - 1)),
        np.where(after < len(block), after, np.maximum(before, 0)),
    )
    known = np.where(used, block, 0)
    left = np.take_along_axis(known, before, axis=0)
    right = np.take_along_axis(known, after, axis=0)
    share = (band - before) / np.maximum(after - before, 1)
    return np.where(used, known, left + (right - left) * share)


def used_values(table: SpectraTable, good: GoodBands | None) -> Mask:
    """Return which values of a table, (spectrum, band), count: those measured in good bands."""
    known = np.isfinite(table)
    if good is None:
        return known
    return known & good
