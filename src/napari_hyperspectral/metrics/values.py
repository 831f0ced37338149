"""What figures of merit share: known values, their mean, and what is refused."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
GoodBands: TypeAlias = NDArray[np.bool_]
"""True for each band that counts, shape (band,)."""
BAND: Final = -3
"""Axis of the bands."""


def known_in_both(
    predicted: ArrayLike,
    target: ArrayLike,
    good: GoodBands | None,
) -> tuple[Floats, Floats]:
    """Return both images, (…, band, y, x), in float64, NaN wherever one is missing or bad."""
    prediction = np.asarray(predicted, np.float64)
    truth = np.asarray(target, np.float64)
    check_shapes(prediction, truth)
    known = np.isfinite(prediction) & np.isfinite(truth)
    if good is not None:
        known &= good[:, None, None]
    # the same values in both, so that sums over one suit those over the other
    prediction = np.where(known, prediction, np.nan)
    truth = np.where(known, truth, np.nan)
    return prediction, truth


def mean_of_known(values: Floats) -> float:
    """Return the mean of all values, of any shape, that are finite; NaN where none is."""
    known = values[np.isfinite(values)]
    if not known.size:
        return float("nan")
    return float(known.mean())


def check_range(data_range: float) -> None:
    """Refuse a data range that has no peak.

    Raises
    ------
    ValueError
        If it is not greater than 0.
    """
    if not data_range > 0:
        raise ValueError(
            f"a data range of {data_range:g} has no peak; "
            "give the greatest possible value less the smallest"
        )


def check_shapes(prediction: NDArray[np.generic], truth: NDArray[np.generic]) -> None:
    """Refuse images of different shapes.

    Raises
    ------
    ValueError
        If they differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(
            f"the prediction is {prediction.shape}, the target {truth.shape}; they must be alike"
        )
