"""Smooth spectra by the filter of Savitzky and Golay."""

from __future__ import annotations

import numpy as np
from scipy.signal import savgol_filter

from .arrays import Array, Float32, Intensities, Mask


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
    bands = data.shape[-3]
    if not (0 <= order < window <= bands and window % 2):
        raise ValueError(
            f"SG({order}, {window}) on {bands} bands: the window must be odd, wider than the order "
            "of the polynomial, and no wider than the spectrum"
        )
    missing = ~np.isfinite(data)
    unused = missing
    if good is not None:
        unused = missing | ~good[:, None, None]
    smooth = savgol_filter(_bridged(data, unused), window, order, axis=-3)
    smooth = np.where(unused, data, smooth)
    result: Float32 = np.where(missing, np.nan, smooth).astype(np.float32)
    return result


def _bridged(data: Intensities, unused: Mask) -> Array:
    """Return data, (…, band, y, x), with straight lines over unused values.

    Spectra without any other value are 0.
    """
    spectra = np.moveaxis(np.where(unused, np.nan, data.astype(np.float64)), -3, -1)
    bands = np.arange(spectra.shape[-1])
    for pixel in np.argwhere(np.moveaxis(unused, -3, -1).any(axis=-1)):
        spectrum = spectra[tuple(pixel)]  # a view: filled in place
        known = np.isfinite(spectrum)
        if known.any():
            spectrum[:] = np.interp(bands, bands[known], spectrum[known])
        else:
            spectrum[:] = 0
    return np.moveaxis(spectra, -1, -3)
