"""Calibrate a spectral axis: find peaks, and fit the axis to those whose positions are known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike
from scipy.signal import find_peaks

from ..axis import SpectralAxis
from ..cube import Cube
from .arrays import Array

_PIXELS_OF_MEAN: Final = 4096
"""Pixels that a mean spectrum is taken over, at most."""
_LARGE: Final = 2**27
"""Values of a cube that is too large to be read through for a few peaks."""


class Calibration(NamedTuple):
    """An axis that was fitted to known peaks."""

    axis: SpectralAxis
    residuals: Array
    """Fitted minus known position of each peak, shape (peak,), in the unit of `axis`."""


def calibrated(
    axis: SpectralAxis, measured: ArrayLike, known: ArrayLike, degree: int = 1
) -> Calibration:
    """Fit a polynomial that maps measured peak positions to known ones.

    Parameters
    ----------
    axis : SpectralAxis
        The axis as it is, shape (band,).
    measured, known : array, shape (peak,)
        Positions of the peaks, on the axis as it is and as it should be, each in its unit.
    degree : int
        Of the polynomial.

    Raises
    ------
    ValueError
        If there are too few peaks for the degree, two at one position, or the polynomial has a
        turning point within the axis.
    """
    positions = np.asarray(measured, np.float64)
    targets = np.asarray(known, np.float64)
    if positions.shape != targets.shape or positions.ndim != 1:
        raise ValueError(
            f"{positions.size} measured peaks and {targets.size} known ones: enter pairs"
        )
    different = len(np.unique(positions))
    needed = max(2, degree + 1)
    if different < needed:
        raise ValueError(
            f"{different} peaks at different positions: degree {degree} needs {needed} or more "
            "(for a single peak, shift the axis)"
        )

    polynomial = Polynomial.fit(positions, targets, degree)
    slope = polynomial.deriv()(axis.centres)
    keeps_order = np.all(slope > 0) or np.all(slope < 0)
    if axis.monotonic and len(axis) > 1 and not keeps_order:
        raise ValueError(
            f"a polynomial of degree {degree} through these peaks has a turning point within the "
            "axis; check the pairs, or choose a lower degree"
        )
    widths = axis.widths
    if widths is not None:
        widths = widths * np.abs(slope)
    fitted_axis = replace(axis, centres=polynomial(axis.centres), widths=widths)
    return Calibration(fitted_axis, polynomial(positions) - targets)


def peak_positions(spectrum: ArrayLike, axis: SpectralAxis, count: int = 8) -> Array:
    """Return the positions of the most prominent peaks of a spectrum.

    Each peak lies between bands at the vertex of a parabola through its three highest values; where
    one of these is missing, or of a bad band, there is no peak.

    Parameters
    ----------
    spectrum : array, shape (band,)
        Intensities; NaN where nothing was measured.
    axis : SpectralAxis
        Of the spectrum.
    count : int
        Peaks to find, at most.

    Returns
    -------
    ndarray of float64, shape (peak,)
        In the unit of `axis`, in the order of the bands.
    """
    values = np.asarray(spectrum, dtype=np.float64)
    known = np.isfinite(values) & axis.good
    if known.sum() < 3:
        return np.empty(0)
    bands = np.arange(len(values))
    heights = np.interp(bands, bands[known], values[known])

    tops, properties = find_peaks(heights, prominence=0)
    measured = known[tops - 1] & known[tops] & known[tops + 1]
    tops = tops[measured]
    prominences = properties["prominences"][measured]
    most_prominent = np.argsort(-prominences, kind="stable")[:count]
    tops = np.sort(tops[most_prominent])

    left = heights[tops - 1]
    top = heights[tops]
    right = heights[tops + 1]
    curvature = left - 2 * top + right
    # a plateau has no vertex: its numerator is 0, so any divisor leaves the peak at its band
    offset = 0.5 * (left - right) / np.where(curvature == 0, -1, curvature)
    positions: Array = np.interp(tops + offset, bands, axis.centres)
    return positions


def mean_spectrum(cube: Cube) -> Array:
    """Return the mean spectrum of the first frame and plane of a cube, over at most 4096 pixels.

    They lie on a regular grid, or, in a cube too large to be read for that, in the middle.

    Returns
    -------
    ndarray of float64, shape (band,)
        In the intensity unit of the cube; missing values (NaN) are left out.
    """
    *leading, bands, rows, columns = cube.shape
    if bands * rows * columns > _LARGE:
        pixels = (_middle(rows), _middle(columns))
    else:
        step = math.ceil(math.sqrt(rows * columns / _PIXELS_OF_MEAN))
        pixels = (slice(None, None, step), slice(None, None, step))
    first_plane = (0,) * len(leading)
    part = np.asarray(cube.data[(*first_plane, slice(None), *pixels)], dtype=np.float64)
    spectra = part.reshape(bands, -1)  # (band, pixel)
    known = np.isfinite(spectra)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a band was measured nowhere: NaN
        mean: Array = np.where(known, spectra, 0).sum(axis=1) / known.sum(axis=1)
    return mean


def _middle(size: int) -> slice:
    """Return the rows or columns in the middle of an image."""
    length = math.isqrt(_PIXELS_OF_MEAN)
    first = max(0, (size - length) // 2)
    return slice(first, first + length)
