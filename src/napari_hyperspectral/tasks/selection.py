"""Figures by which epochs and methods are chosen: of rows, (pixel, out), lower is better.

None is won by the mean of the targets, as the loss of normalised spectra is in the first epochs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import metrics
from ..metrics.values import mean_of_known


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


def share_of_wrong(scores: NDArray[np.floating], target: NDArray[np.number]) -> float:
    """Return the share of pixels whose highest score is not that of their class, 0 to 1.

    1 − overall accuracy, and not average accuracy: that of a class with few validation pixels is
    known so badly that chance would choose.

    Parameters
    ----------
    scores : ndarray, shape (pixel, class)
        Any real numbers; NaN where nothing was measured.
    target : ndarray, shape (pixel,) or (pixel, 1)
        Class of each pixel, from 1; 0 or NaN is unlabelled.
    """
    classes = np.nan_to_num(target.reshape(len(target)))
    labelled = classes > 0
    known = np.isfinite(scores).all(axis=1)
    best = np.where(known, np.nan_to_num(scores).argmax(axis=1) + 1, 0)
    wrong = np.where(labelled, best != classes, np.nan)
    return mean_of_known(wrong)


def _as_image(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return rows, (pixel, band) or (pixel,), as an image of one row, (band, 1, pixel)."""
    bands: NDArray[np.floating] = rows.reshape(len(rows), -1).T
    return bands[:, None, :]
