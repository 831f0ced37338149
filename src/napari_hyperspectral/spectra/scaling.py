"""Normalise spectra: divide each by its maximum, a percentile, its area, norm or deviation.

Each function returns an array of float32 in the shape of the data, without a unit. Missing values
(NaN) are ignored and stay missing. GoodBands that are not `good` are ignored too, but divided like the
others. A dark spectrum, whose divisor is not above zero (to a millionth of its greatest magnitude),
becomes 0 in all bands: divided, it would be amplified noise.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .arrays import Centres, Float32, GoodBands, Intensities, SpectraTable, ValuePerSpectrum
from .each import each_spectrum, used_values

_TINY: Final = 1e-6
"""Share of the greatest magnitude that is rounding error: data are single precision."""


def by_maximum(data: Intensities, *, good: GoodBands | None = None, band: int = -3) -> Float32:
    """Divide each spectrum by its maximum.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit.
    good : ndarray of bool, shape (band,), optional
        False for bands that are ignored.
    band : int
        Axis of `data` along which the bands lie.
    """

    def step(table: SpectraTable) -> SpectraTable:
        greatest = np.where(used_values(table, good), table, -np.inf).max(axis=1)
        return _divided(table, greatest, good)

    return each_spectrum(step, data, band)


def by_percentile(
    data: Intensities, percentile: float, *, good: GoodBands | None = None, band: int = -3
) -> Float32:
    """Divide each spectrum by a percentile of its values, linearly interpolated.

    Parameters
    ----------
    data, good, band
        See `by_maximum`.
    percentile : float
        In percent, as of ``numpy.percentile``: 50 is the median, 100 the maximum.
    """

    def step(table: SpectraTable) -> SpectraTable:
        counts = used_values(table, good)
        values = np.sort(np.where(counts, table, np.nan), axis=1)  # NaN is sorted last
        last = np.maximum(counts.sum(axis=1, keepdims=True) - 1, 0)
        position = last * (percentile / 100)  # (spectrum, 1), between two of the sorted values
        low = np.floor(position).astype(np.intp)
        high = np.ceil(position).astype(np.intp)
        below = np.take_along_axis(values, low, axis=1)[:, 0]
        above = np.take_along_axis(values, high, axis=1)[:, 0]
        interpolated = below + (above - below) * (position - low)[:, 0]
        return _divided(table, interpolated, good)

    return each_spectrum(step, data, band)


def by_area(
    data: Intensities,
    centres: Centres,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Divide each spectrum by its area, by the trapezoidal rule.

    Parameters
    ----------
    data, good, band
        See `by_maximum`. Missing values are bridged by straight lines.
    centres : ndarray of float64, shape (band,)
        Band centres, in any unit, order and spacing.

    Raises
    ------
    ValueError
        If fewer than two bands are good: they have no area.
    """
    order = np.argsort(centres, kind="stable")
    if good is not None:
        order = order[good[order]]
    if len(order) < 2:
        raise ValueError("one band has no area; choose another normalisation")
    increasing = centres[order]

    def step(table: SpectraTable) -> SpectraTable:
        area = _area(np.ascontiguousarray(table[:, order]), increasing)
        return _divided(table, area, good, width=float(np.ptp(increasing)))

    return each_spectrum(step, data, band)


def by_total(data: Intensities, *, good: GoodBands | None = None, band: int = -3) -> Float32:
    """Divide each spectrum by the sum of its values: of mass spectra, the total ion current.

    Parameters are those of `by_maximum`: `data` of shape (…, band, y, x), `good` of (band,).
    """

    def step(table: SpectraTable) -> SpectraTable:
        total = np.where(used_values(table, good), table, 0).sum(axis=1)
        return _divided(table, total, good)

    return each_spectrum(step, data, band)


def by_vector(data: Intensities, *, good: GoodBands | None = None, band: int = -3) -> Float32:
    """Divide each spectrum by its Euclidean norm: the root of its sum of squares.

    Parameters are those of `by_maximum`: `data` of shape (…, band, y, x), `good` of (band,).
    """

    def step(table: SpectraTable) -> SpectraTable:
        squares = np.where(used_values(table, good), table, 0) ** 2
        return _divided(table, np.sqrt(squares.sum(axis=1)), good)

    return each_spectrum(step, data, band)


def standard_normal(data: Intensities, *, good: GoodBands | None = None, band: int = -3) -> Float32:
    """Subtract the mean of each spectrum and divide by its standard deviation (SNV).

    A flat spectrum becomes 0. Parameters are those of `by_maximum`: `data` of shape
    (…, band, y, x), `good` of (band,).
    Source: Barnes, Dhanoa & Lister 1989, https://doi.org/10.1366/0003702894202201.
    """

    def step(table: SpectraTable) -> SpectraTable:
        counts = used_values(table, good)
        number = counts.sum(axis=1, keepdims=True)  # (spectrum, 1)
        mean = np.where(counts, table, 0).sum(axis=1, keepdims=True) / np.maximum(number, 1)
        centred = table - mean
        squares = np.where(counts, centred, 0) ** 2
        variance = squares.sum(axis=1) / np.maximum(number[:, 0] - 1, 1)
        # rounding errors of the mean are in proportion to the spectrum before it was centred
        return _divided(centred, np.sqrt(variance), good, magnitudes=_magnitudes(table, good))

    return each_spectrum(step, data, band)


def _magnitudes(table: SpectraTable, good: GoodBands | None) -> ValuePerSpectrum:
    """Return the greatest absolute value of each spectrum, shape (spectrum,)."""
    greatest: ValuePerSpectrum = np.where(used_values(table, good), np.abs(table), 0).max(axis=1)
    return greatest


def _divided(
    table: SpectraTable,
    divisors: ValuePerSpectrum,
    good: GoodBands | None,
    *,
    width: float = 1.0,
    magnitudes: ValuePerSpectrum | None = None,
) -> SpectraTable:
    """Return spectra, (spectrum, band), each divided by its divisor; dark ones become 0.

    `width` is the range of the axis where the divisors are areas.
    """
    if magnitudes is None:
        magnitudes = _magnitudes(table, good)
    bright = divisors > _TINY * width * magnitudes
    safe = np.where(bright, divisors, 1)[:, None]
    divided = np.where(bright[:, None], table / safe, 0)
    return np.where(np.isnan(table), np.nan, divided)


def _area(table: SpectraTable, centres: Centres) -> ValuePerSpectrum:
    """Return the area of each spectrum, (spectrum,), on increasing band centres."""
    known = np.isfinite(table)
    band = np.where(known, np.arange(len(centres)), -1)
    # of each band but the first: the last band before it that has a value, -1 for none
    previous = np.maximum.accumulate(band, axis=1)[:, :-1]
    left = np.take_along_axis(table, np.maximum(previous, 0), axis=1)
    steps = centres[1:] - centres[np.maximum(previous, 0)]
    trapezoids = steps * (left + table[:, 1:]) / 2
    measured = known[:, 1:] & (previous >= 0)
    area: ValuePerSpectrum = np.where(measured, trapezoids, 0).sum(axis=1)
    return area
