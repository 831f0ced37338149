"""The rubber band: a baseline that is the lower convex hull of each spectrum."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import Array, Centres, Float32, GoodBands, Intensities, Mask, SpectraTable
from ..each import bridged, each_spectrum, used_values

_CACHE: Final = 2**15
"""Values whose hulls are sought at a time, so that they stay in the processor."""


def rubber_band_baseline(
    data: Intensities,
    centres: Centres,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return the lower convex hull of each spectrum: a rubber band stretched below it.

    Source: Wartewig 2003, "IR and Raman Spectroscopy: Fundamental Processing", §3.4,
    https://doi.org/10.1002/3527601635. The hull is wrapped from its first to its last band, for
    many spectra at once (Jarvis 1973, https://doi.org/10.1016/0020-0190(73)90020-3).

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit; NaN where nothing was measured: bridged by straight lines.
    centres : ndarray of float64, shape (band,)
        Band centres, in any unit, order and spacing; all different.
    good : ndarray of bool, shape (band,), optional
        False for bands that are ignored.
    band : int
        Axis of `data` along which the bands lie.
    """
    order = np.argsort(centres, kind="stable")
    increasing = centres[order]
    back = np.argsort(order)

    def step(table: SpectraTable) -> SpectraTable:
        used = used_values(table, good)[:, order].T
        spectra = np.ascontiguousarray(bridged(table[:, order].T, used).T)
        hull = np.empty_like(spectra)
        spectra_at_a_time = max(1, _CACHE // len(centres))
        for first in range(0, len(spectra), spectra_at_a_time):
            some = slice(first, first + spectra_at_a_time)
            hull[some] = _through(increasing, spectra[some], _vertices(increasing, spectra[some]))
        return hull[:, back]

    return each_spectrum(step, data, band)


def _vertices(centres: Array, spectra: SpectraTable) -> Mask:
    """Return which bands are corners of the lower hull of spectra, (spectrum, band).

    From each corner the next one is where the slope of the line is least, the farthest of several.
    """
    bands = len(centres)
    corners = np.zeros(spectra.shape, bool)
    corners[:, [0, -1]] = True
    going_on = np.arange(len(spectra))
    corner = np.zeros(len(spectra), np.intp)
    backwards = spectra[:, ::-1].copy()  # the first minimum is the farthest
    positions = centres[::-1]
    while len(going_on) and bands > 2:
        first = bands - 1 - int(corner.min())  # bands from here on are at or before all corners
        height = spectra[going_on, corner][:, None]
        steps = positions[:first] - centres[corner][:, None]
        slopes = backwards[going_on, :first] - height
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes /= steps
        slopes[steps <= 0] = np.inf
        corner = bands - 1 - slopes.argmin(axis=1)
        corners[going_on, corner] = True
        before_end = corner < bands - 1
        going_on = going_on[before_end]
        corner = corner[before_end]
    return corners


def _through(centres: Array, spectra: SpectraTable, corners: Mask) -> SpectraTable:
    """Return the straight lines between the corners of spectra, (spectrum, band)."""
    band = np.arange(len(centres))
    left = np.maximum.accumulate(np.where(corners, band, 0), axis=1)
    far = np.where(corners, band, len(centres) - 1)
    right = np.minimum.accumulate(far[:, ::-1], axis=1)[:, ::-1]
    low = np.take_along_axis(spectra, left, axis=1)
    high = np.take_along_axis(spectra, right, axis=1)
    width = centres[right] - centres[left]
    share = (centres - centres[left]) / np.where(width > 0, width, 1)
    return low + (high - low) * share
