"""Figures of merit of predicted images as people see them: structures (SSIM) and edges (FSIM)."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import correlate1d, gaussian_filter, minimum_filter

from .phase_congruency import phase_congruency
from .values import Floats, GoodBands, check_range, known_in_both, mean_of_known

PixelMask: TypeAlias = NDArray[np.bool_]
"""True for each pixel that counts, shape (y, x)."""
_IMAGE: Final = (-2, -1)
"""Axes of one image."""
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
    where: PixelMask | None = None,
) -> float:
    """Structural similarity of each band as an image, averaged over windows and bands; 1 at best.

    Windows are Gaussians of 1.5 pixels (11 × 11) that lie inside the image, if it is as large as
    one, and hold no missing value. Source: Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861

    Parameters
    ----------
    predicted, target : ndarray, shape (…, band, y, x)
        In one unit.
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
        np.where(known, prediction, 0),
        np.where(known, truth, 0),
        data_range,
    )
    # a window counts where all of its pixels are known
    counted = minimum_filter(
        known,
        size=_WINDOW,
        axes=_IMAGE,
        mode="nearest",
    )
    shape = prediction.shape[-2:]
    if min(shape) >= _WINDOW:
        counted &= _inside(shape)
    if where is not None:
        counted = counted & where
    return mean_of_known(np.where(counted, similarity, np.nan))


def fsim(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    data_range: float,
    good: GoodBands | None = None,
    where: PixelMask | None = None,
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
        In one unit.
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
    mean = _means(truth, known)
    x = _greys(np.where(known, prediction, mean), data_range)
    y = _greys(np.where(known, truth, mean), data_range)
    counted = known
    if where is not None:
        counted = known & where
    # blocks of which every pixel counts
    counted = _viewed(counted.astype(float)) == 1

    edges = phase_congruency(x)
    true_edges = phase_congruency(y)
    similarity = _similarity(edges, true_edges, _LEAST_CONGRUENCY)
    similarity *= _similarity(_slopes(x), _slopes(y), _LEAST_SLOPE)
    clearest = np.maximum(edges, true_edges)
    weight = np.where(counted, clearest, 0)
    # both (…, band)
    total = weight.sum(_IMAGE)
    sums = (similarity * weight).sum(_IMAGE)
    has_edges = total > 0
    return mean_of_known(sums[has_edges] / total[has_edges])


def _means(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return the mean of the known pixels of each band, (…, band, 1, 1); 0 of none."""
    total = np.where(known, values, 0).sum(_IMAGE, keepdims=True)
    count = known.sum(_IMAGE, keepdims=True)
    mean: Floats = total / np.maximum(count, 1)
    return mean


def _greys(image: Floats, data_range: float) -> Floats:
    """Return an image in grey values of 0 to 255, as large as images are viewed."""
    return _viewed(image * _GREYS / data_range)


def _window_similarity(
    x: Floats,
    y: Floats,
    data_range: float,
) -> Floats:
    """Return the structural similarity of the window around each pixel, (…, y, x)."""
    x_mean = _windowed(x)
    y_mean = _windowed(y)
    x_variance = _windowed(x * x) - x_mean**2
    y_variance = _windowed(y * y) - y_mean**2
    covariance = _windowed(x * y) - x_mean * y_mean
    # constants of the paper that keep dark and flat windows from dividing by nothing
    light = (0.01 * data_range) ** 2
    structure = (0.03 * data_range) ** 2
    common_light = 2 * x_mean * y_mean + light
    common_structure = 2 * covariance + structure
    all_light = x_mean**2 + y_mean**2 + light
    all_structure = x_variance + y_variance + structure
    return (common_light * common_structure) / (all_light * all_structure)


def _windowed(values: Floats) -> Floats:
    """Return the Gaussian mean around each pixel."""
    mean: Floats = gaussian_filter(
        values,
        _SIGMA,
        radius=_WINDOW // 2,
        axes=_IMAGE,
        mode="reflect",
    )
    return mean


def _inside(shape: tuple[int, ...]) -> PixelMask:
    """Return the pixels, (y, x), around which a window lies inside an image."""
    height, width = shape
    edge = _WINDOW // 2
    inside = np.zeros(shape, bool)
    inside[edge : height - edge, edge : width - edge] = True
    return inside


def _viewed(image: Floats) -> Floats:
    """Return means of blocks, so that the shorter side has about as many pixels as are viewed."""
    *leading, rows, columns = image.shape
    side = round(min(rows, columns) / _VIEWED)
    side = max(1, side)
    height = rows // side
    width = columns // side
    # rows and columns that fill no block are left out
    blocks = image[..., : height * side, : width * side]
    blocks = blocks.reshape(*leading, height, side, width, side)
    mean: Floats = blocks.mean(axis=(-3, -1))
    return mean


def _similarity(
    one: Floats,
    other: Floats,
    least: float,
) -> Floats:
    """Return how alike two maps are at each pixel: 1 where they are equal, else less."""
    common = 2 * one * other + least
    total = one**2 + other**2 + least
    return common / total


def _slopes(image: Floats) -> Floats:
    """Return how steep an image is at each pixel, by the Scharr operator."""
    down = _slope(image, axis=-2, across=-1)
    right = _slope(image, axis=-1, across=-2)
    return np.hypot(down, right)


def _slope(image: Floats, axis: int, across: int) -> Floats:
    """Return the slope along an axis, averaged over neighbours across it."""
    difference = correlate1d(
        image,
        [-1, 0, 1],
        axis=axis,
        mode="nearest",
    )
    weights = np.array([3, 10, 3]) / 16
    slope: Floats = correlate1d(
        difference,
        weights,
        axis=across,
        mode="nearest",
    )
    return slope
