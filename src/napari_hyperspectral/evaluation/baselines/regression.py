"""What any prediction of channels has to beat: the mean of each of them."""

from __future__ import annotations

import numpy as np

from ...training.splits import Mask
from ..pairs import spectra_in_row
from .baseline import Baseline, IntensityArray


def mean_baseline(target: IntensityArray, train: Mask) -> Baseline:
    """Return the mean of each channel over the training pixels: nothing else was learned.

    Parameters
    ----------
    target : ndarray, shape (…, channel, y, x)
    train : ndarray of bool, shape (y, x)
        The pixels whose `target` may be looked at.
    """
    targets = spectra_in_row(target, train)  # (channel, 1, pixel)
    mean = np.nanmean(targets, axis=(1, 2), keepdims=True)  # (channel, 1, 1)

    def constant(data: IntensityArray) -> IntensityArray:
        *planes, _, height, width = data.shape
        shape = (*planes, len(mean), height, width)
        return np.broadcast_to(mean, shape)

    return Baseline("mean", "", constant)
