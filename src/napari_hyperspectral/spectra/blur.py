"""Blur maps and spectra as wide as the noise in them asks for, without any truth.

The width is chosen by generalised cross-validation: Golub, Heath & Wahba 1979,
https://doi.org/10.1080/00401706.1979.10489751; where neighbours share noise, its trace is that of
Opsomer, Wang & Yang 2001, https://doi.org/10.1214/ss/1009213726. Cross-validation takes for noise
what neighbours cannot foretell, narrow details among it, so a blur that removes much more than the
known noise is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.ndimage import convolve1d

from .arrays import Array, Mask

WIDTHS: Final = (0.4, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0)
"""Standard deviations of the blurs that are compared, in pixels or bands; the first is none."""
_MOST_REMOVED: Final = 4.0
"""Variance that a blur may remove, by that of the noise: no more than twice its deviation."""
_KERNEL_RADIUS: Final = 4.0
"""Where a kernel ends, in its standard deviations."""


def gaussian_kernel(width: float) -> Array:
    """Return the weights of a Gaussian, (2 · radius + 1,), of this standard deviation; sum 1."""
    if width <= 0:
        return np.ones(1)
    radius = max(1, round(_KERNEL_RADIUS * width))
    steps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * np.square(steps / width))
    kernel: Array = weights / weights.sum()
    return kernel


def blur(values: Array, width: float, axes: Sequence[int]) -> Array:
    """Blur an array along some axes by a Gaussian; missing values (NaN) stay missing.

    At the edges, and beside missing values, only what is there is averaged.
    """
    known = np.isfinite(values)
    kernels = [gaussian_kernel(width)] * len(axes)
    if known.all():
        return _complete_blur(values, kernels, axes)
    total = _convolved(np.where(known, values, 0), kernels, axes)
    weight = _convolved(known.astype(np.float64), kernels, axes)
    return np.where(known, total / np.where(known, weight, 1), np.nan)


def _complete_blur(values: Array, kernels: Sequence[Array], axes: Sequence[int]) -> Array:
    """Blur an array without missing values: only at its edges is there less to average."""
    blurred = _convolved(values, kernels, axes)
    for axis, kernel in zip(axes, kernels, strict=True):
        weight = _convolved(np.ones(values.shape[axis]), [kernel], (0,))
        blurred /= np.expand_dims(weight, tuple(range(1, values.ndim - axis % values.ndim)))
    return blurred


def best_width(
    values: Array,
    axes: Sequence[int],
    correlations: Sequence[float],
    sigma: float,
) -> float:
    """Return the width of the blur that cross-validation prefers; 0 is none.

    Parameters
    ----------
    values : ndarray, any shape
        A map or a spectrum; NaN is missing.
    axes : sequence of int
        Along which it is blurred.
    correlations : sequence of float
        Correlation of the noise of neighbours along each of these axes: what neighbours share
        is not taken for signal.
    sigma : float
        Standard deviation of the noise of the values.
    """
    if not np.isfinite(values).any():
        return 0.0
    errors = []
    for width in WIDTHS:
        error = _validation_error(values, width, axes, correlations, sigma)
        errors.append(error)
    best = int(np.argmin(errors))
    if best == 0 or not np.isfinite(errors[best]):
        return 0.0
    return WIDTHS[best]


def _validation_error(
    values: Array,
    width: float,
    axes: Sequence[int],
    correlations: Sequence[float],
    sigma: float,
) -> float:
    """Return the squared error to expect of new values, infinite where a blur removes too much."""
    known = np.isfinite(values)
    residual = (values - blur(values, width, axes))[known]
    removed = float(np.square(residual).mean())
    freedom = 1 - _own_share(known, width, axes, correlations)
    if freedom <= 0 or removed > _MOST_REMOVED * sigma**2 * freedom:
        return float("inf")
    return removed / freedom**2


def _own_share(
    known: Mask,
    width: float,
    axes: Sequence[int],
    correlations: Sequence[float],
) -> float:
    """Return how much of its noise a value keeps in a blur, in the mean, by itself and neighbours."""
    kernel = gaussian_kernel(width)
    middle = len(kernel) // 2
    shared = []
    for correlation in correlations:
        noise = np.zeros_like(kernel)  # correlation of the noise at each step of the kernel
        noise[middle] = 1
        noise[[middle - 1, middle + 1]] = correlation
        shared.append(kernel * noise)
    mask = known.astype(np.float64)
    weight = _convolved(mask, [kernel] * len(axes), axes)
    own = _convolved(mask, shared, axes)
    return float((own[known] / weight[known]).mean())


def _convolved(values: Array, kernels: Sequence[Array], axes: Sequence[int]) -> Array:
    """Return values convolved with a kernel along each of the axes; 0 beyond the edges."""
    result = values
    for kernel, axis in zip(kernels, axes, strict=True):
        result = convolve1d(result, kernel, axis=axis, mode="constant")
    return result
