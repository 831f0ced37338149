"""Figures of merit: one definition of each, with its source.

Intensities are (…, band, y, x) and may hold NaN; values missing in either image, and bands that
are not `good`, count for nothing. A figure that nothing is left for is NaN. Classes are 1, 2, …;
0 is unlabelled.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.ndimage import correlate1d, gaussian_filter, minimum_filter

Bands = NDArray[np.bool_]
"""True for each band that counts, shape (band,)."""
_BAND: Final = -3
_WINDOW: Final = 11
"""Side of the windows of structural similarity, in pixels."""
_SIGMA: Final = 1.5
_WAVELENGTHS: Final = (6, 12, 24, 48)
"""Of the filters of feature similarity, in pixels; they look in `_DIRECTIONS` directions."""
_DIRECTIONS: Final = 4
_RADIAL, _ANGULAR = 0.5978, 0.6545
"""Widths of these filters: in the logarithm of the frequency, and in radians."""
_CONGRUENCY_LEAST, _SLOPE_LEAST = 0.85, 160
"""Of phase congruency, 0 to 1, and of slopes of grey values, 0 to 255, less makes no difference."""
_GREYS: Final = 255
_FLAT: Final = 1e-4
"""Grey values of all waves together that are none: what varies by less has no edges."""
_VIEWED: Final = 256
"""Pixels of the shorter side at which feature similarity judges larger images."""


def mse(predicted: ArrayLike, target: ArrayLike, *, good: Bands | None = None) -> float:
    """Mean squared error, in the square of the target's unit."""
    prediction, truth = _pair(predicted, target, good)
    return _mean(np.square(prediction - truth))


def rmse(predicted: ArrayLike, target: ArrayLike, *, good: Bands | None = None) -> float:
    """Square root of the mean squared error, in the target's unit."""
    return float(np.sqrt(mse(predicted, target, good=good)))


def psnr(
    predicted: ArrayLike, target: ArrayLike, *, data_range: float, good: Bands | None = None
) -> float:
    """Peak signal-to-noise ratio over the whole image, in dB: 10 log10(data_range² / MSE).

    `data_range` is declared, never taken from the prediction: 65535 for 16-bit data, or the
    range of the target. Source: Huynh-Thu & Ghanbari 2008, https://doi.org/10.1049/el:20080522

    Raises
    ------
    ValueError
        If `data_range` is not greater than 0.
    """
    _check_range(data_range)
    error = mse(predicted, target, good=good)
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def spectral_angle(predicted: ArrayLike, target: ArrayLike, *, good: Bands | None = None) -> float:
    """Mean angle between predicted and target spectra, in degrees; blind to their lengths.

    Spectra that are all zero have no direction and are left out. Source: Kruse et al. 1993,
    The Spectral Image Processing System, https://doi.org/10.1016/0034-4257(93)90013-N
    """
    prediction, truth = _pair(predicted, target, good)
    lengths = np.sqrt(_over_bands(prediction**2) * _over_bands(truth**2))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = _over_bands(prediction * truth) / lengths
    return _mean(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def pearson(predicted: ArrayLike, target: ArrayLike, *, good: Bands | None = None) -> float:
    """Pearson correlation over all values at once, between -1 and 1.

    NaN where either image is constant. Source: Pearson 1895,
    https://doi.org/10.1098/rspl.1895.0041
    """
    prediction, truth = _pair(predicted, target, good)
    prediction, truth = prediction - _mean(prediction), truth - _mean(truth)
    lengths = np.sqrt(np.nansum(prediction**2) * np.nansum(truth**2))
    return float(np.nansum(prediction * truth) / lengths) if lengths > 0 else float("nan")


def fitted_mse(predicted: ArrayLike, target: ArrayLike, *, good: Bands | None = None) -> float:
    """Mean squared error of shape: what is left when each spectrum's scale and offset are fitted.

    Each target spectrum is divided by its own maximum; scale and offset of each predicted one
    are then fitted to it by least squares. A filter that keeps the unit of its input and a
    network that has learned another one are so compared alike, and nobody is charged for the
    maximum of a noisy spectrum, which lies too high. Spectra whose target is nowhere above 0
    are left out.
    """
    prediction, truth = _pair(predicted, target, good)
    peak = np.max(truth, axis=_BAND, keepdims=True, initial=0, where=np.isfinite(truth))
    truth = truth / np.where(peak > 0, peak, np.nan)
    known = np.isfinite(truth)
    count = np.maximum(known.sum(axis=_BAND, keepdims=True), 1)
    prediction = prediction - _over_bands(prediction) / count
    truth = truth - _over_bands(truth) / count
    power = _over_bands(prediction**2)
    scale = np.where(power > 0, _over_bands(prediction * truth) / np.where(power > 0, power, 1), 0)
    return _mean(np.where(known, np.square(scale * prediction - truth), np.nan))


def ssim(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    data_range: float,
    good: Bands | None = None,
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
        Pixels whose windows count; the windows themselves may reach beyond.

    Raises
    ------
    ValueError
        If `data_range` is not greater than 0.
    """
    _check_range(data_range)
    prediction, truth = _pair(predicted, target, good)
    known = np.isfinite(prediction)
    x, y = np.where(known, prediction, 0), np.where(known, truth, 0)
    x_mean, y_mean = _windowed(x), _windowed(y)
    x_var, y_var = _windowed(x * x) - x_mean**2, _windowed(y * y) - y_mean**2
    both = _windowed(x * y) - x_mean * y_mean
    light, structure = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    alike = (2 * x_mean * y_mean + light) * (2 * both + structure)
    alike /= (x_mean**2 + y_mean**2 + light) * (x_var + y_var + structure)
    counted = minimum_filter(known, size=_WINDOW, axes=(-2, -1), mode="nearest")
    if min(prediction.shape[-2:]) >= _WINDOW:
        counted &= _inside(prediction.shape[-2:])
    return _mean(np.where(counted if where is None else counted & where, alike, np.nan))


def fsim(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    data_range: float,
    good: Bands | None = None,
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
        Pixels that count; the filters reach beyond.

    Raises
    ------
    ValueError
        If `data_range` is not greater than 0.
    """
    _check_range(data_range)
    prediction, truth = _pair(predicted, target, good)
    known = np.isfinite(truth)
    mean = np.where(known, truth, 0).sum((-2, -1), keepdims=True)
    mean = mean / np.maximum(known.sum((-2, -1), keepdims=True), 1)
    x, y = (
        _viewed(np.where(known, image, mean) * _GREYS / data_range) for image in (prediction, truth)
    )
    counted = _viewed((known if where is None else known & where).astype(float)) == 1
    edges, true_edges = _phase_congruency(x), _phase_congruency(y)
    alike = _alike(edges, true_edges, _CONGRUENCY_LEAST)
    alike *= _alike(_slopes(x), _slopes(y), _SLOPE_LEAST)
    weight = np.where(counted, np.maximum(edges, true_edges), 0)
    total = weight.sum((-2, -1))
    return _mean((alike * weight).sum((-2, -1))[total > 0] / total[total > 0])


def ergas(
    predicted: ArrayLike, target: ArrayLike, *, scale: float, good: Bands | None = None
) -> float:
    """Relative error over all bands of a sharpened image, in %; 0 is perfect, bands count alike.

    100 / scale · √(mean over bands of (RMSE / mean of the target)²), where `scale` is how many
    times finer the pixels became. Bands whose target has a mean of 0 are left out. Source: Wald
    2000, Quality of high resolution synthesised images, https://hal.science/hal-00395027
    """
    prediction, truth = _pair(predicted, target, good)
    errors, means = (
        np.array([_mean(values) for values in np.moveaxis(image, _BAND, 0)])
        for image in (np.square(prediction - truth), truth)
    )
    squares = errors / np.where(means == 0, np.nan, means) ** 2
    return 100 / scale * float(np.sqrt(_mean(squares)))


def confusion(predicted: ArrayLike, target: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count pixels by true class (row) and predicted class (column), shape (classes, classes).

    Entry 0 is class 1. Pixels that are 0 (unlabelled, or not measured) in either image are not
    counted.

    Raises
    ------
    ValueError
        If the images differ in shape, or hold a class beyond `classes`.
    """
    prediction, truth = np.asarray(predicted), np.asarray(target)
    _check_shapes(prediction, truth)
    greatest = int(max(prediction.max(initial=0), truth.max(initial=0)))
    if greatest > classes:
        raise ValueError(f"class {greatest} among {classes} classes; count them all")
    both = (prediction > 0) & (truth > 0)
    cell = (truth[both].astype(np.int64) - 1) * classes + prediction[both].astype(np.int64) - 1
    return np.bincount(cell, minlength=classes**2).reshape(classes, classes)


def overall_accuracy(table: NDArray[np.int64]) -> float:
    """Share of pixels that are right, from a `confusion` table."""
    return _ratio(float(np.trace(table)), float(table.sum()))


def class_accuracy(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each class that is found (recall), shape (class,); NaN for absent classes."""
    return _ratios(np.diag(table), table.sum(axis=1))


def average_accuracy(table: NDArray[np.int64]) -> float:
    """Mean of `class_accuracy` over the classes that are there: small ones count alike."""
    return _mean(class_accuracy(table))


def kappa(table: NDArray[np.int64]) -> float:
    """Agreement beyond chance: 0 is chance, 1 is perfect.

    Source: Cohen 1960, https://doi.org/10.1177/001316446002000104
    """
    total = float(table.sum())
    chance = _ratio(float(table.sum(axis=0) @ table.sum(axis=1)), total**2)
    return _ratio(overall_accuracy(table) - chance, 1 - chance)


def iou(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class, shape (class,); NaN where it is nowhere.

    Source: Jaccard 1912, https://doi.org/10.1111/j.1469-8137.1912.tb05611.x
    """
    hits = np.diag(table)
    return _ratios(hits, table.sum(axis=0) + table.sum(axis=1) - hits)


def f1(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall of each class, shape (class,); NaN where nowhere.

    Source: Dice 1945, https://doi.org/10.2307/1932409
    """
    return _ratios(2 * np.diag(table), table.sum(axis=0) + table.sum(axis=1))


def _pair(
    predicted: ArrayLike, target: ArrayLike, good: Bands | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both images in float64, NaN wherever one of them is missing or bad."""
    prediction, truth = np.asarray(predicted, np.float64), np.asarray(target, np.float64)
    _check_shapes(prediction, truth)
    missing = ~(np.isfinite(prediction) & np.isfinite(truth))
    if good is not None:
        missing |= ~good[:, None, None]
    return np.where(missing, np.nan, prediction), np.where(missing, np.nan, truth)


def _check_range(data_range: float) -> None:
    if not data_range > 0:
        raise ValueError(
            f"a data range of {data_range:g} has no peak; "
            "give the greatest possible value less the smallest"
        )


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian mean around each pixel."""
    mean: NDArray[np.float64] = gaussian_filter(
        values, _SIGMA, radius=_WINDOW // 2, axes=(-2, -1), mode="reflect"
    )
    return mean


def _viewed(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means of blocks, so that the shorter side has about as many pixels as are viewed."""
    side = max(1, round(min(image.shape[-2:]) / _VIEWED))
    height, width = (size // side for size in image.shape[-2:])
    blocks = image[..., : height * side, : width * side]
    blocks = blocks.reshape(*image.shape[:-2], height, side, width, side)
    mean: NDArray[np.float64] = blocks.mean(axis=(-3, -1))
    return mean


def _phase_congruency(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far waves of all lengths agree in phase at each pixel, between 0 and 1.

    By log-Gabor filters of one side of the spectrum, whose responses are even and odd at once. Of
    what agrees, that is taken off which noise alone would give: in each direction, the mean and
    two standard deviations of a Rayleigh distribution, by the median response to the shortest
    waves. Source: Kovesi 1999, Image features from phase congruency, Videre 1(3),
    https://www.peterkovesi.com/papers/phasecongruency.pdf
    """
    y, x = np.meshgrid(*(fft.fftfreq(size) for size in image.shape[-2:]), indexing="ij")
    frequency, angle = np.hypot(y, x), np.arctan2(y, x)
    frequency[0, 0] = np.inf  # no filter sees the mean
    rings = [_bell(np.log(frequency * wavelength), _RADIAL) for wavelength in _WAVELENGTHS]
    spectrum = fft.fft2(image)
    agreeing, amplitudes = np.zeros_like(image), np.full_like(image, _FLAT)
    for direction in range(_DIRECTIONS):
        beside = np.angle(np.exp(1j * (angle - np.pi * direction / _DIRECTIONS)))
        fan = _bell(beside, _ANGULAR)
        responses = [fft.ifft2(spectrum * ring * fan) for ring in rings]
        lengths = [np.abs(response) for response in responses]
        louder = np.sum((sum(rings) * fan) ** 2) / np.sum((rings[0] * fan) ** 2)
        power = np.median(lengths[0], axis=(-2, -1), keepdims=True) ** 2 / np.log(2) * louder
        noise = np.sqrt(power / 2) * (np.sqrt(np.pi / 2) + 2 * np.sqrt(2 - np.pi / 2))
        agreeing += np.maximum(np.abs(sum(responses)) - noise, 0)
        amplitudes += sum(lengths)
    return agreeing / amplitudes


def _bell(beside: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    bell: NDArray[np.float64] = np.exp(-(beside**2) / (2 * width**2))
    return bell


def _slopes(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how steep an image is at each pixel, by the Scharr operator."""
    along_y, along_x = (
        correlate1d(
            correlate1d(image, [-1, 0, 1], axis=axis, mode="nearest"),
            np.array([3, 10, 3]) / 16,
            axis=other,
            mode="nearest",
        )
        for axis, other in ((-2, -1), (-1, -2))
    )
    return np.hypot(along_y, along_x)


def _alike(
    one: NDArray[np.float64], other: NDArray[np.float64], least: float
) -> NDArray[np.float64]:
    """Return how alike two maps are at each pixel: 1 where they are equal, else less."""
    return (2 * one * other + least) / (one**2 + other**2 + least)


def _inside(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels around which a window lies inside an image."""
    inside = np.zeros(shape, bool)
    edge = _WINDOW // 2
    inside[edge : shape[0] - edge, edge : shape[1] - edge] = True
    return inside


def _check_shapes(prediction: NDArray[np.generic], truth: NDArray[np.generic]) -> None:
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction is {prediction.shape}, the target {truth.shape}; they must be alike"
        )


def _over_bands(values: NDArray[np.float64]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = np.nansum(values, axis=_BAND, keepdims=True)
    return total


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _ratios(parts: NDArray[np.integer], wholes: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.where(wholes > 0, parts / np.maximum(wholes, 1), np.nan)
