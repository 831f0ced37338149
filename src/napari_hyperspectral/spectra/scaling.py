"""Spectra brought to one scale, each by a number of its own.

What is missing (NaN) counts for nothing and stays missing. A dark spectrum, whose number is not
above zero (to a millionth of its greatest magnitude), has no scale: it becomes 0 in all bands,
rather than noise made loud. Bands that are not `good` do not count either, but are scaled along.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .each import Bands, Table, counted, each_spectrum

_TINY: Final = 1e-6
"""Below this share of the greatest magnitude, a number is rounding: data are single precision."""


def by_maximum(
    data: NDArray[Any], *, good: Bands | None = None, band: int = -3
) -> NDArray[np.float32]:
    """Divide each spectrum by its greatest value.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities.
    good : ndarray of bool, shape (band,), optional
        False for bands that are not to count.
    """

    def step(table: Table) -> Table:
        greatest = np.where(counted(table, good), table, -np.inf).max(axis=1)
        return _divided(table, greatest, good)

    return each_spectrum(step, data, band)


def by_percentile(
    data: NDArray[Any], percentile: float, *, good: Bands | None = None, band: int = -3
) -> NDArray[np.float32]:
    """Divide each spectrum by a percentile of its values; see `by_maximum`, which is that of 100.

    Between two values it lies on the line, as in ``numpy.percentile``.
    """

    def step(table: Table) -> Table:
        counts = counted(table, good)
        values = np.sort(np.where(counts, table, np.nan), axis=1)  # missing ones come last
        place = np.maximum(counts.sum(axis=1, keepdims=True) - 1, 0) * (percentile / 100)
        low = np.floor(place).astype(np.intp)
        below, above = (
            np.take_along_axis(values, each, axis=1)[:, 0]
            for each in (low, np.ceil(place).astype(np.intp))
        )
        return _divided(table, below + (above - below) * (place - low)[:, 0], good)

    return each_spectrum(step, data, band)


def by_area(
    data: NDArray[Any],
    centres: NDArray[np.float64],
    *,
    good: Bands | None = None,
    band: int = -3,
) -> NDArray[np.float32]:
    """Divide each spectrum by its area, by the trapezoidal rule; see `by_maximum`.

    Parameters
    ----------
    centres : ndarray of float64, shape (band,)
        Band centres, in any order and at any distances. Over what is missing a straight line runs.

    Raises
    ------
    ValueError
        If fewer than two bands are good: they have no area.
    """
    order = np.argsort(centres, kind="stable")
    order = order if good is None else order[good[order]]
    if len(order) < 2:
        raise ValueError("one band has no area; choose another normalisation")
    places = centres[order]

    def step(table: Table) -> Table:
        area = _area(np.ascontiguousarray(table[:, order]), places)
        return _divided(table, area, good, width=float(np.ptp(places)))

    return each_spectrum(step, data, band)


def by_vector(
    data: NDArray[Any], *, good: Bands | None = None, band: int = -3
) -> NDArray[np.float32]:
    """Divide each spectrum by its length as a vector: the root of its sum of squares.

    See `by_maximum`.
    """

    def step(table: Table) -> Table:
        squares = np.where(counted(table, good), table, 0) ** 2
        return _divided(table, np.sqrt(squares.sum(axis=1)), good)

    return each_spectrum(step, data, band)


def standard_normal(
    data: NDArray[Any], *, good: Bands | None = None, band: int = -3
) -> NDArray[np.float32]:
    """Subtract the mean of each spectrum and divide by its standard deviation (SNV).

    A flat spectrum becomes 0. See `by_maximum`.
    Source: Barnes, Dhanoa & Lister 1989, https://doi.org/10.1366/0003702894202201.
    """

    def step(table: Table) -> Table:
        counts = counted(table, good)
        number = counts.sum(axis=1, keepdims=True)
        mean = np.where(counts, table, 0).sum(axis=1, keepdims=True) / np.maximum(number, 1)
        centred = table - mean
        squares = np.where(counts, centred, 0) ** 2
        variance = squares.sum(axis=1) / np.maximum(number[:, 0] - 1, 1)
        # rounding of the mean goes by the spectrum as it was
        return _divided(centred, np.sqrt(variance), good, magnitudes=_magnitudes(table, good))

    return each_spectrum(step, data, band)


def _magnitudes(table: Table, good: Bands | None) -> NDArray[np.float64]:
    greatest: NDArray[np.float64] = np.where(counted(table, good), np.abs(table), 0).max(axis=1)
    return greatest


def _divided(
    table: Table,
    numbers: NDArray[np.float64],
    good: Bands | None,
    *,
    width: float = 1.0,
    magnitudes: NDArray[np.float64] | None = None,
) -> Table:
    """Divide each spectrum by its number; dark ones become 0."""
    if magnitudes is None:
        magnitudes = _magnitudes(table, good)
    bright = numbers > _TINY * width * magnitudes
    divisors = np.where(bright, numbers, 1)[:, None]
    return np.where(np.isnan(table), np.nan, np.where(bright[:, None], table / divisors, 0))


def _area(table: Table, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the areas of spectra on increasing places."""
    known = np.isfinite(table)
    band = np.where(known, np.arange(len(places)), -1)
    before = np.maximum.accumulate(band, axis=1)[:, :-1]  # the known band before each but the first
    left = np.take_along_axis(table, np.maximum(before, 0), axis=1)
    steps = places[1:] - places[np.maximum(before, 0)]
    pieces = np.where(known[:, 1:] & (before >= 0), steps * (left + table[:, 1:]) / 2, 0)
    area: NDArray[np.float64] = pieces.sum(axis=1)
    return area
