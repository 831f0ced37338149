"""Smooth spectra by thresholds for their wavelet coefficients: peaks stay, noise goes."""

from __future__ import annotations

from typing import Final

import numpy as np

from ..arrays import Float32, GoodBands, Intensities, SpectraTable
from ..each import bridged, each_spectrum, used_values

_MEDIAN_DEVIATION: Final = 0.6745
"""Median absolute value of normal noise, in standard deviations."""


def wavelet_smooth(
    data: Intensities,
    wavelet: str = "sym8",
    strength: float = 1.0,
    *,
    good: GoodBands | None = None,
    band: int = -3,
) -> Float32:
    """Return spectra whose wavelet coefficients are moved towards 0 by what noise amounts to.

    The soft threshold is universal, σ √(2 ln n) for n bands; σ, the noise of a spectrum, is the
    median absolute value of its finest details.
    Source: Donoho & Johnstone 1994, https://doi.org/10.1093/biomet/81.3.425; Donoho 1995, eq. 2,
    https://doi.org/10.1109/18.382009. Bands are taken as equally spaced.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x), or any other with its bands along the axis `band`
        Intensities, in any unit. Missing values (NaN) are bridged by straight lines when their
        neighbours are smoothed, and stay missing.
    wavelet : str
        A discrete wavelet of PyWavelets, as "sym8" or "db4".
    strength : float
        Factor of the threshold.
    good : ndarray of bool, shape (band,), optional
        False for bad bands: bridged too, and returned unchanged.
    band : int
        Axis of `data` along which the bands lie.

    Raises
    ------
    ValueError
        If there is no such wavelet.
    """
    import pywt

    known = pywt.wavelist(kind="discrete")
    if wavelet not in known:
        raise ValueError(f"there is no wavelet {wavelet!r}; choose one of {', '.join(known)}")

    def step(table: SpectraTable) -> SpectraTable:
        bands = table.shape[1]
        level = pywt.dwt_max_level(bands, wavelet)
        if level == 0:  # too short for the wavelet
            return table
        used = used_values(table, good)
        complete = bool(used.all())
        spectra = table if complete else np.ascontiguousarray(bridged(table.T, used.T).T)
        smooth, *details = pywt.wavedec(spectra, wavelet, level=level, axis=1)
        noise = np.median(np.abs(details[-1]), axis=1, keepdims=True) / _MEDIAN_DEVIATION
        threshold = strength * noise * np.sqrt(2 * np.log(bands))
        for detail in details:
            detail -= np.clip(detail, -threshold, threshold)
        smoothed: SpectraTable = pywt.waverec([smooth, *details], wavelet, axis=1)[:, :bands]
        return smoothed if complete else np.where(used, smoothed, table)

    return each_spectrum(step, data, band)
