"""Figures of merit of predicted intensities, (…, band, y, x), value by value or by spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .values import BAND, Floats, GoodBands, check_range, known_in_both, mean_of_known


def mse(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    good: GoodBands | None = None,
) -> float:
    """Mean squared error, in the square of the target's unit.

    Images are (…, band, y, x), in one unit; `good`, (band,), says which bands count.
    """
    prediction, truth = known_in_both(predicted, target, good)
    error = np.square(prediction - truth)
    return mean_of_known(error)


def rmse(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    good: GoodBands | None = None,
) -> float:
    """Square root of the mean squared error, in the target's unit.

    Images are (…, band, y, x), in one unit; `good`, (band,), says which bands count.
    """
    error = mse(predicted, target, good=good)
    return float(np.sqrt(error))


def psnr(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    data_range: float,
    good: GoodBands | None = None,
) -> float:
    """Peak signal-to-noise ratio over the whole image, in dB: 10 log10(data_range² / MSE).

    `data_range` is declared, never taken from the prediction: 65535 for 16-bit data, or the
    range of the target; it is in the unit of both images, (…, band, y, x). Source: Huynh-Thu &
    Ghanbari 2008, https://doi.org/10.1049/el:20080522

    Raises
    ------
    ValueError
        If `data_range` is not greater than 0.
    """
    check_range(data_range)
    error = mse(predicted, target, good=good)
    if error == 0:
        return float("inf")
    ratio = data_range**2 / error
    return float(10 * np.log10(ratio))


def spectral_angle(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    good: GoodBands | None = None,
) -> float:
    """Mean angle between predicted and target spectra, in degrees; blind to their lengths.

    Images are (…, band, y, x), in any unit. Spectra that are all zero have no direction and are
    left out. Source: Kruse et al. 1993, The Spectral Image Processing System,
    https://doi.org/10.1016/0034-4257(93)90013-N
    """
    prediction, truth = known_in_both(predicted, target, good)
    # all (…, 1, y, x)
    power = _sum_over_bands(prediction**2)
    true_power = _sum_over_bands(truth**2)
    common = _sum_over_bands(prediction * truth)
    lengths = np.sqrt(power * true_power)
    # 0/0 of spectra without a direction is NaN, which is left out below
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = common / lengths
    # rounding may take the cosine of equal spectra beyond 1
    angle = np.arccos(np.clip(cosine, -1, 1))
    return mean_of_known(np.degrees(angle))


def pearson(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    good: GoodBands | None = None,
) -> float:
    """Pearson correlation over all values at once, between -1 and 1.

    Images are (…, band, y, x), each in a unit of its own. NaN where either image is constant.
    Source: Pearson 1895, https://doi.org/10.1098/rspl.1895.0041
    """
    prediction, truth = known_in_both(predicted, target, good)
    prediction = prediction - mean_of_known(prediction)
    truth = truth - mean_of_known(truth)
    power = np.nansum(prediction**2)
    true_power = np.nansum(truth**2)
    lengths = np.sqrt(power * true_power)
    # also NaN, where nothing is known, is not greater than 0
    if not lengths > 0:
        return float("nan")
    common = np.nansum(prediction * truth)
    return float(common / lengths)


def fitted_mse(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    good: GoodBands | None = None,
) -> float:
    """Mean squared error of shape: what is left when each spectrum's scale and offset are fitted.

    Images are (…, band, y, x), each in a unit of its own; the error is in the square of the target's
    maximum. Each target spectrum is divided by its own maximum; scale and offset of each predicted one
    are then fitted to it by least squares. A filter that keeps the unit of its input and a
    network that has learned another one are so compared alike, and none is charged for the
    maximum of a noisy spectrum, which lies too high. Spectra whose target is nowhere above 0
    are left out.
    """
    fitted, truth = fitted_to_target(predicted, target, good=good)
    return mean_of_known(np.square(fitted - truth))


def fitted_to_target(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    good: GoodBands | None = None,
) -> tuple[Floats, Floats]:
    """Return spectra as `fitted_mse` compares them: predicted ones fitted, targets by their maximum.

    Images are (…, band, y, x), each in a unit of its own; both come back in the target's maximum,
    NaN where one of them is missing, in bands that are not `good`, (band,), and in spectra whose
    target is nowhere above 0.
    """
    prediction, truth = known_in_both(predicted, target, good)
    truth = _by_own_peak(truth)
    known = np.isfinite(truth)
    count = known.sum(axis=BAND, keepdims=True)
    count = np.maximum(count, 1)
    # least squares of centred spectra: the offset is gone, the scale is left
    mean = _sum_over_bands(truth) / count
    centred = truth - mean
    prediction = prediction - _sum_over_bands(prediction) / count
    power = _sum_over_bands(prediction**2)
    common = _sum_over_bands(prediction * centred)
    # the scale of a flat prediction is 0: any other fits as well
    divisor = np.where(power > 0, power, 1)
    scale = np.where(power > 0, common / divisor, 0)
    fitted = np.where(known, scale * prediction + mean, np.nan)
    return fitted, truth


def ergas(
    predicted: ArrayLike,
    target: ArrayLike,
    *,
    scale: float,
    good: GoodBands | None = None,
) -> float:
    """Relative error over all bands of a sharpened image, in %; 0 is perfect, bands count alike.

    100 / scale · √(mean over bands of (RMSE / mean of the target)²), where `scale` is how many
    times finer the pixels became; images are (…, band, y, x), in one unit. Bands whose target has
    a mean of 0 are left out. Source: Wald 2000, Quality of high resolution synthesised images,
    https://hal.science/hal-00395027
    """
    prediction, truth = known_in_both(predicted, target, good)
    # all (band,)
    errors = _band_means(np.square(prediction - truth))
    means = _band_means(truth)
    means = np.where(means == 0, np.nan, means)
    relative = errors / means**2
    root = float(np.sqrt(mean_of_known(relative)))
    return 100 / scale * root


def _by_own_peak(spectra: Floats) -> Floats:
    """Return spectra by their own maximum, (…, band, y, x); NaN where that is not above 0."""
    known = np.isfinite(spectra)
    peak = np.max(
        spectra,
        axis=BAND,
        keepdims=True,
        initial=0,
        where=known,
    )
    return spectra / np.where(peak > 0, peak, np.nan)


def _sum_over_bands(values: Floats) -> Floats:
    """Return sums of known values, (…, 1, y, x)."""
    total: Floats = np.nansum(values, axis=BAND, keepdims=True)
    return total


def _band_means(values: Floats) -> Floats:
    """Return the mean of the known values of each band, (band,)."""
    means = []
    for band in np.moveaxis(values, BAND, 0):
        means.append(mean_of_known(band))
    return np.array(means)
