"""Smooth spectra, and differentiate them, by the filter of Savitzky and Golay."""

from __future__ import annotations

import numpy as np
from scipy.signal import savgol_filter

from .arrays import Array, Block, Centres, Float32, Intensities, Mask
from .each import bridged, each_block, used_in_block


def savitzky_golay(
    data: Intensities, order: int, window: int, *, good: Mask | None = None
) -> Float32:
    """Fit a polynomial around each band and take its value there.

    Source: Savitzky & Golay 1964, https://doi.org/10.1021/ac60214a047. GoodBands are taken as
    equally spaced. A polynomial with as many coefficients as the window has bands, as in SG(2, 3),
    returns spectra unchanged.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x)
        Intensities, in any unit. Missing values (NaN) are bridged by straight lines when their
        neighbours are smoothed, and stay missing.
    order : int
        Order of the polynomial.
    window : int
        Number of bands it is fitted to: odd, greater than `order`, at most all bands.
    good : ndarray of bool, shape (band,), optional
        False for bad bands: bridged too, and returned unchanged.

    Returns
    -------
    ndarray of float32, shape (…, band, y, x)
        In the unit of the data.

    Raises
    ------
    ValueError
        If `order` and `window` are not possible.
    """
    _check_window(order, window, data.shape[-3])

    def step(block: Block) -> Block:
        used = used_in_block(block, good)
        smooth: Block = savgol_filter(bridged(block, used), window, order, axis=0)
        return smooth if used.all() else np.where(used, smooth, block)

    return each_block(step, data)


def derivative(
    data: Intensities,
    centres: Centres,
    degree: int,
    order: int,
    window: int,
    *,
    good: Mask | None = None,
) -> Float32:
    """Fit a polynomial around each band and take its first or second derivative there.

    The polynomial is fitted along the numbers of the bands, as in Savitzky & Golay 1964; where bands
    are unevenly spaced, the chain rule gives the derivative along the axis.

    Parameters
    ----------
    data, order, window, good
        See `savitzky_golay`. Bad bands and missing values are bridged, and missing in the result.
    centres : ndarray of float64, shape (band,)
        Band centres, in any unit, ascending or descending.
    degree : int
        1 or 2.

    Returns
    -------
    ndarray of float32, shape (…, band, y, x)
        In the unit of the data by that of the centres, to the power of `degree`.

    Raises
    ------
    ValueError
        If `order` and `window` are not possible, or the order is less than the degree.
    """
    _check_window(order, window, data.shape[-3])
    if order < degree:
        raise ValueError(
            f"a polynomial of order {order} has no derivative of degree {degree}: choose an order of "
            f"{degree} or more"
        )
    missing = ~np.isfinite(data)
    unused = missing if good is None else missing | ~good[:, None, None]
    spectra = _bridged(data, unused)
    # by the same filter as spectra: so a straight line has the same slope everywhere
    steps = savgol_filter(centres, window, order, deriv=1)[:, None, None]  # per band
    _check_direction(np.diff(centres), "turn back, where a derivative has no meaning")
    _check_direction(steps, f"are too unevenly spaced for a polynomial over {window} of them")
    slope = savgol_filter(spectra, window, order, deriv=1, axis=-3) / steps
    if degree == 2:
        curvature = savgol_filter(spectra, window, order, deriv=2, axis=-3)
        stretch = savgol_filter(centres, window, order, deriv=2)[:, None, None]
        slope = (curvature - slope * stretch) / steps**2
    result: Float32 = np.where(unused, np.nan, slope).astype(np.float32)
    return result


def _check_direction(steps: Array, problem: str) -> None:
    """Refuse steps from band to band that are not all upwards, or all downwards."""
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise ValueError(f"the band centres {problem}; resample to even bands, or crop, first")


def _check_window(order: int, window: int, bands: int) -> None:
    """Refuse a window that no polynomial of this order can be fitted in, of a spectrum of `bands`."""
    if not (0 <= order < window <= bands and window % 2):
        raise ValueError(
            f"SG({order}, {window}) on {bands} bands: the window must be odd, wider than the order "
            "of the polynomial, and no wider than the spectrum"
        )


def _bridged(data: Intensities, unused: Mask) -> Array:
    """Return data, (…, band, y, x), with straight lines over unused values.

    Spectra without any other value are 0.
    """
    shape = data.shape
    bands = np.moveaxis(data, -3, 0).reshape(shape[-3], -1).astype(np.float64)
    used = ~np.moveaxis(unused, -3, 0).reshape(bands.shape)
    lines = bridged(bands, used).reshape(shape[-3], *shape[:-3], *shape[-2:])
    return np.moveaxis(lines, 0, -3)
