"""Smoothing along the spectrum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter


def savitzky_golay(
    data: NDArray[Any], order: int, window: int, *, good: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Fit a polynomial around each band and take its value there.

    Source: Savitzky & Golay 1964, https://doi.org/10.1021/ac60214a047. Bands are taken as
    equally far apart. Where a window of size w leaves no more freedom than its polynomial, as
    in SG(2, 3), spectra come back as they were.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x)
        Intensities. Missing values (NaN) are bridged by straight lines for their neighbours'
        sake, and stay missing.
    order : int
        Order of the polynomial.
    window : int
        Bands it is fitted to: odd, greater than `order`, at most all bands.
    good : ndarray of bool, shape (band,), optional
        False for bad bands: bridged too, and returned as they came.

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
    unused = missing if good is None else missing | ~good[:, None, None]
    smooth = savgol_filter(_bridged(data, unused), window, order, axis=-3)
    result: NDArray[np.float32] = np.where(missing, np.nan, np.where(unused, data, smooth)).astype(
        np.float32
    )
    return result


def _bridged(data: NDArray[Any], unused: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the data with straight lines over unused values; 0 where a spectrum has no others."""
    spectra = np.moveaxis(np.where(unused, np.nan, data.astype(np.float64)), -3, -1)
    bands = np.arange(spectra.shape[-1])
    for place in np.argwhere(np.moveaxis(unused, -3, -1).any(axis=-1)):
        spectrum = spectra[tuple(place)]  # a view
        known = np.isfinite(spectrum)
        spectrum[:] = np.interp(bands, bands[known], spectrum[known]) if known.any() else 0
    return np.moveaxis(spectra, -1, -3)
