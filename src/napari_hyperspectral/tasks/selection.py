"""Figures by which epochs and methods are chosen: of rows, (pixel, out), lower is better.

None is won by the mean of the targets, as the loss of normalised spectra is in the first epochs, nor
by the commonest class, as the share of wrong pixels is where the others are rare.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import metrics


def fitted_error(prediction: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Return `metrics.fitted_mse` of spectra, (pixel, band): the error of their shape."""
    return metrics.fitted_mse(_as_image(prediction), _as_image(target))


def squared_error(prediction: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Return `metrics.mse` of intensities, (pixel, out), in the square of the target's unit."""
    return metrics.mse(_as_image(prediction), _as_image(target))


def lack_of_correlation(prediction: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Return 1 − the mean over channels of `metrics.pearson`, between 0 and 2.

    Of channels, (pixel, channel). One that is constant has no correlation: a constant prediction
    counts as 0, a constant target not at all.
    """
    correlations = []
    for predicted, true in zip(prediction.T, target.T, strict=True):
        known = np.isfinite(predicted) & np.isfinite(true)
        if not known.any() or np.ptp(true[known]) == 0:
            continue
        correlation = metrics.pearson(_as_image(predicted[known]), _as_image(true[known]))
        correlations.append(np.nan_to_num(correlation))
    if not correlations:
        return float("nan")
    return float(1 - np.mean(correlations))


def lack_of_agreement(scores: NDArray[np.floating], target: NDArray[np.number]) -> float:
    """Return 1 − kappa: the share of wrong pixels, divided by that of a guess. 0 is perfect, 1 chance.

    Of the class of highest score. A guess has as many pixels of each class as the prediction: if
    that is the commonest class everywhere, it is worth 1, however common. Not 1 − average accuracy:
    that of a class with few validation pixels is known so badly that chance would choose. Targets
    of a single class leave nothing to guess: then it is the share of wrong pixels.

    Source: Cohen 1960, https://doi.org/10.1177/001316446002000104

    Parameters
    ----------
    scores : ndarray, shape (pixel, class)
        Any real numbers; NaN where nothing was measured.
    target : ndarray, shape (pixel,) or (pixel, 1)
        Class of each pixel, from 1; 0 or NaN is unlabelled.
    """
    classes = np.nan_to_num(target.reshape(len(target))).astype(np.int64)
    known = np.isfinite(scores).all(axis=1)
    # what was not measured is of a class of its own, and so always wrong
    not_measured = 1 + max(scores.shape[1], int(classes.max(initial=0)))
    best = np.where(known, np.nan_to_num(scores).argmax(axis=1) + 1, not_measured)
    return 1 - metrics.agreement(metrics.confusion(best, classes, not_measured))


def _as_image(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return rows, (pixel, band) or (pixel,), as an image of one row, (band, 1, pixel)."""
    bands: NDArray[np.floating] = rows.reshape(len(rows), -1).T
    return bands[:, None, :]
