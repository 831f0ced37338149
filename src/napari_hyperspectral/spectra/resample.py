"""Spectra on other bands, by linear interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..axis import SpectralAxis


def resample(data: NDArray[Any], input: SpectralAxis, target: SpectralAxis) -> NDArray[np.float32]:
    """Interpolate spectra linearly to other band centres.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x)
        Intensities on `input`. A value between a missing (NaN) and a known one is missing.
    input, target : SpectralAxis
        Of one kind and unit; `input` in any order, without repeated centres.

    Returns
    -------
    ndarray of float32, shape (…, len(wanted), y, x)
        NaN beyond the ends of `input`.

    Raises
    ------
    ValueError
        If the axes differ in kind or unit, or `input` repeats a centre.
    """
    if (input.kind, input.unit) != (target.kind, target.unit):
        raise ValueError(f"{input} cannot be resampled to {target}: other quantity or unit")
    order = np.argsort(input.centres, kind="stable")
    centres = input.centres[order]
    if len(centres) > 1 and np.any(np.diff(centres) <= 0):
        raise ValueError(f"{input} repeats band centres; remove the doubled bands first")
    right = np.clip(np.searchsorted(centres, target.centres), 1, max(len(centres) - 1, 1))
    right = np.minimum(right, len(centres) - 1)
    left = np.maximum(right - 1, 0)
    gap = np.where(right > left, centres[right] - centres[left], 1.0)
    share = ((target.centres - centres[left]) / gap).astype(np.float32)[:, None, None]
    low = np.asarray(data[..., order[left], :, :], np.float32)
    high = np.asarray(data[..., order[right], :, :], np.float32)
    # a share of exactly 0 or 1 must not let the other, perhaps missing, neighbour in
    mixed = low * (1 - share) + high * share
    mixed = np.where(share == 0, low, np.where(share == 1, high, mixed))
    outside = (target.centres < centres[0]) | (target.centres > centres[-1])
    result: NDArray[np.float32] = np.where(outside[:, None, None], np.float32(np.nan), mixed)
    return result
