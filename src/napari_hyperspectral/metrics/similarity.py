"""Figures of merit of predicted images as people see them: structures (SSIM) and edges (FSIM)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import correlate1d, gaussian_filter, minimum_filter

from .phase_congruency import phase_congruency
from .values import Floats, GoodBands, check_range, known_in_both, mean_of_known

_WINDOW: Final = 11
"""Side of the windows of structural similarity, in pixels."""
_SIGMA: Final = 1.5
"""Standard deviation of these windows, in pixels."""
_LEAST_CONGRUENCY: Final = 0.85
"""Of phase congruency, 0 to 1: what is less makes no difference to feature similarity."""
_LEAST_SLOPE: Final = 160
"""Of slopes of grey values, 0 to 255: what is less makes no difference."""
_GREYS: Final = 255
_VIEWED: Final = 256
"""Pixels of the shorter side at which feature similarity compares larger images."""


def ssim(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    data_range: float,
    good: GoodBands | None = None,
    where: NDArray[np.bool_] | None = None,
) -> float:
    """Structural similarity of each band as an image, averaged over windows and bands; 1 at best.

    Windows are Gaussians of 1.5 pixels (11 × 11) that lie inside the image, if it is as large as
    one, and hold no missing value. Source: Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861

    Parameters
    ----------
    predicted, target : ndarray, shape (…, band, y, x)
    data_range : float
        Greatest possible value less the smallest; declared, never taken from the prediction.
    good : ndarray of bool, shape (band,), optional
        Bands that count.
    where : ndarray of bool, shape (y, x), optional
        Pixels whose windows count; the windows themselves may go beyond.

    Raises
    ------
    ValueError
        If `data_range` is not greater than 0.
    """
    check_range(data_range)
    prediction, truth = known_in_both(predicted, target, good)
    known = np.isfinite(prediction)
    similarity = _window_similarity(
        np.where(known, prediction, 0), np.where(known, truth, 0), data_range
    )
    counted = minimum_filter(known, size=_WINDOW, axes=(-2, -1), mode="nearest")
    if min(prediction.shape[-2:]) >= _WINDOW:
        counted &= _inside(prediction.shape[-2:])
    if where is not None:
        counted = counted & where
    return mean_of_known(np.where(counted, similarity, np.nan))


def fsim(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    data_range: float,
    good: GoodBands | None = None,
    where: NDArray[np.bool_] | None = None,
) -> float:
    """Feature similarity of each band as an image, averaged over bands; 1 at best.

    Edges and lines are found by phase congruency, which does not depend on contrast, and compared by
    it and by their slopes, each pixel weighing as much as it is one. Blind to an offset, and to dark
    for bright. Images are brought to about 256 pixels first, by means of blocks. Missing values are
    taken to be the mean of the target, and do not count.

    Source: Zhang et al. 2011, https://doi.org/10.1109/TIP.2011.2109730, written anew from its
    equations: other programs estimate the noise in other ways, and differ by about 0.01, in
    strong noise by up to 0.1.

    Parameters
    ----------
    predicted, target : ndarray, shape (…, band, y, x)
    data_range : float
        Greatest possible value less the smallest; declared, never taken from the prediction.
    good : ndarray of bool, shape (band,), optional
        Bands that count; so do only those that have any edge.
    where : ndarray of bool, shape (y, x), optional
        Pixels that count; the filters go beyond.

    Raises
    ------
    ValueError
        If `data_range` is not greater than 0.
    """
    check_range(data_range)
    prediction, truth = known_in_both(predicted, target, good)
    known = np.isfinite(truth)
    mean = np.where(known, truth, 0).sum((-2, -1), keepdims=True)
    mean = mean / np.maximum(known.sum((-2, -1), keepdims=True), 1)  # (…, band, 1, 1)
    x = _viewed(np.where(known, prediction, mean) * _GREYS / data_range)
    y = _viewed(np.where(known, truth, mean) * _GREYS / data_range)
    counted = known if where is None else known & where
    counted = _viewed(counted.astype(float)) == 1  # blocks of which every pixel counts

    edges = phase_congruency(x)
    true_edges = phase_congruency(y)
    similarity = _similarity(edges, true_edges, _LEAST_CONGRUENCY)
    similarity *= _similarity(_slopes(x), _slopes(y), _LEAST_SLOPE)
    weight = np.where(counted, np.maximum(edges, true_edges), 0)
    total = weight.sum((-2, -1))  # (…, band)
    has_edges = total > 0
    sums = (similarity * weight).sum((-2, -1))
    return mean_of_known(sums[has_edges] / total[has_edges])


def _window_similarity(x: Floats, y: Floats, data_range: float) -> Floats:
    """Return the structural similarity of the window around each pixel, (…, y, x)."""
    x_mean = _windowed(x)
    y_mean = _windowed(y)
    x_variance = _windowed(x * x) - x_mean**2
    y_variance = _windowed(y * y) - y_mean**2
    covariance = _windowed(x * y) - x_mean * y_mean
    # constants of the paper that keep dark and flat windows from dividing by nothing
    light = (0.01 * data_range) ** 2
    structure = (0.03 * data_range) ** 2
    similarity = (2 * x_mean * y_mean + light) * (2 * covariance + structure)
    similarity /= (x_mean**2 + y_mean**2 + light) * (x_variance + y_variance + structure)
    return similarity


def _windowed(values: Floats) -> Floats:
    """Return the Gaussian mean around each pixel."""
    mean: Floats = gaussian_filter(
        values, _SIGMA, radius=_WINDOW // 2, axes=(-2, -1), mode="reflect"
    )
    return mean


def _inside(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels, (y, x), around which a window lies inside an image."""
    inside = np.zeros(shape, bool)
    edge = _WINDOW // 2
    inside[edge : shape[0] - edge, edge : shape[1] - edge] = True
    return inside


def _viewed(image: Floats) -> Floats:
    """Return means of blocks, so that the shorter side has about as many pixels as are viewed."""
    side = max(1, round(min(image.shape[-2:]) / _VIEWED))
    height, width = (size // side for size in image.shape[-2:])
    blocks = image[..., : height * side, : width * side]
    blocks = blocks.reshape(*image.shape[:-2], height, side, width, side)
    mean: Floats = blocks.mean(axis=(-3, -1))
    return mean


def _similarity(one: Floats, other: Floats, least: float) -> Floats:
    """Return how alike two maps are at each pixel: 1 where they are equal, else less."""
    return (2 * one * other + least) / (one**2 + other**2 + least)


def _slopes(image: Floats) -> Floats:
    """Return how steep an image is at each pixel, by the Scharr operator."""
    return np.hypot(_slope(image, axis=-2, across=-1), _slope(image, axis=-1, across=-2))


def _slope(image: Floats, axis: int, across: int) -> Floats:
    """Return the slope along an axis, averaged over neighbours across it."""
    difference = correlate1d(image, [-1, 0, 1], axis=axis, mode="nearest")
    weights = np.array([3, 10, 3]) / 16
    slope: Floats = correlate1d(difference, weights, axis=across, mode="nearest")
    return slope
