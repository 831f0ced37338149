"""Resample spectra to other bands, by linear interpolation."""

from __future__ import annotations

import numpy as np

from ..axis import SpectralAxis
from .arrays import Float32, Intensities


def resample(data: Intensities, input: SpectralAxis, target: SpectralAxis) -> Float32:
    """Interpolate spectra linearly to other band centres.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x)
        Intensities on `input`, in any unit. A value between a missing (NaN) and a measured one is
        missing.
    input, target : SpectralAxis
        Of the same kind and unit; `input` in any order, without repeated centres.

    Returns
    -------
    ndarray of float32, shape (…, len(target), y, x)
        In the unit of the data; NaN beyond the ends of `input`.

    Raises
    ------
    ValueError
        If the axes differ in kind or unit, or `input` repeats a centre.
    """
    if (input.kind, input.unit) != (target.kind, target.unit):
        raise ValueError(
            f"{input} cannot be resampled to {target}: other quantity or unit; convert one of them first"
        )
    order = np.argsort(input.centres, kind="stable")
    centres = input.centres[order]
    if len(centres) > 1 and np.any(np.diff(centres) <= 0):
        raise ValueError(f"{input} repeats band centres; remove the repeated bands first")

    last = len(centres) - 1
    right = np.clip(np.searchsorted(centres, target.centres), 1, max(last, 1))
    right = np.minimum(right, last)  # a single band is its own neighbour
    left = np.maximum(right - 1, 0)
    gap = np.where(right > left, centres[right] - centres[left], 1.0)
    fraction = ((target.centres - centres[left]) / gap).astype(np.float32)
    fraction = fraction[:, None, None]  # (target band, 1, 1)

    low = np.asarray(data[..., order[left], :, :], np.float32)
    high = np.asarray(data[..., order[right], :, :], np.float32)
    interpolated = low * (1 - fraction) + high * fraction
    # at a measured band the other neighbour, perhaps missing, has no say: 0 · NaN is NaN
    interpolated = np.where(fraction == 1, high, interpolated)
    interpolated = np.where(fraction == 0, low, interpolated)
    outside = (target.centres < centres[0]) | (target.centres > centres[-1])
    result: Float32 = np.where(outside[:, None, None], np.float32(np.nan), interpolated)
    return result
