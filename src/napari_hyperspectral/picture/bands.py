"""Which band of a cube shows the sample: the one whose neighbouring pixels agree most."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..axis import Axis, SpectralAxis
from .sample import Sample

_WITHOUT_OUTLIERS: Final = (1, 99)
"""Percentiles that values are clipped to: no spike may choose the band, nor the contrast."""
_PRIMARIES_NM: Final = (640.0, 550.0, 460.0)
"""Where red, green and blue of a picture in true colours are taken."""
_NEAR_NM: Final = 20.0
"""How far away the centre of their bands may be."""


def band_with_structure(sample: Sample, axis: Axis) -> int:
    """Return the band with the most structure among those of a sample, never a bad one.

    Structure is what neighbouring pixels have in common: with the covariance *c* of neighbours and
    the variance *v* of a band, c²/v is the variance of a signal *c* times its share *c*/*v*. Noise
    has none, however strong it is, and a constant band has none.

    Parameters
    ----------
    sample : Sample
        Of the cube.
    axis : SpectralAxis or ChannelAxis
        All bands of the cube.
    """
    structure = _structure(_clipped(sample.values))
    structure[~axis.good[sample.bands]] = -1
    if structure.max() > 0:
        return int(sample.bands[structure.argmax()])
    return _brightest(sample, axis)


def limits_of_band(sample: Sample, band: int) -> tuple[float, float] | None:
    """Return the contrast limits of a sampled band, or None where it is empty or constant.

    They are the percentiles 1 and 99 of its sampled values: a spike does not move them.
    """
    values = sample.values[np.searchsorted(sample.bands, band)]
    measured = values[np.isfinite(values)]
    if not measured.size:
        return None
    low, high = np.percentile(measured, _WITHOUT_OUTLIERS).tolist()
    return (low, high) if low < high else None


def _structure(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return c²/v of each band, (band,); see `band_with_structure`."""
    axes = (1, 2, 3)
    deviations = values - _mean(values, axes, keepdims=True)  # (band, patch, y, x)
    variance = _mean(deviations**2, axes)
    below = deviations[:, :, 1:] * deviations[:, :, :-1]
    right = deviations[:, :, :, 1:] * deviations[:, :, :, :-1]
    products = [part.reshape(len(values), -1) for part in (below, right)]
    covariance = _mean(np.concatenate(products, axis=1), (1,))
    with np.errstate(divide="ignore", invalid="ignore"):
        structure = np.maximum(covariance, 0) ** 2 / variance
    return np.nan_to_num(structure, nan=0.0, posinf=0.0)


def _brightest(sample: Sample, axis: Axis) -> int:
    """Return the band of the highest mean: for spectra that lie in no image, or all alike."""
    means = np.nan_to_num(_mean(sample.values, (1, 2, 3)), nan=-np.inf)
    means[~axis.good[sample.bands]] = -np.inf
    return int(sample.bands[means.argmax()])


def _clipped(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values without the outliers of each band."""
    flat = values.reshape(len(values), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # bands without any value stay NaN
        low, high = np.nanpercentile(flat, _WITHOUT_OUTLIERS, axis=1)
    shape = (-1, 1, 1, 1)
    return np.clip(values, low.reshape(shape), high.reshape(shape))


def _mean(
    values: NDArray[np.float64], axes: tuple[int, ...], *, keepdims: bool = False
) -> NDArray[np.float64]:
    """Return the mean of what was measured; NaN, without a warning, where nothing was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean: NDArray[np.float64] = np.nanmean(values, axis=axes, keepdims=keepdims)
    return mean


def true_colour_bands(axis: Axis) -> tuple[int, int, int] | None:
    """Return the bands of red, green and blue (640, 550 and 460 nm), or None where one is missing.

    A band counts as one of them if its centre is at most 20 nm away, and it is not bad.
    """
    if not isinstance(axis, SpectralAxis) or axis.kind != "wavelength":
        return None
    nanometres = axis.centres * {"um": 1000.0}.get(axis.unit or "", 1.0)
    distances = np.abs(nanometres - np.array(_PRIMARIES_NM)[:, None])  # (colour, band)
    distances[:, ~axis.good] = np.inf
    if distances.min(axis=1).max() > _NEAR_NM:
        return None
    red, green, blue = distances.argmin(axis=1).tolist()
    return red, green, blue
