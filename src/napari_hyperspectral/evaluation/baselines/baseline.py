"""A baseline, and the training spectra it is fitted on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...classics.tuning import blocks_of
from ...metrics.values import GoodBands
from ...training.splits import Mask
from ..pairs import spectra_in_row

IntensityArray: TypeAlias = NDArray[np.floating]
"""Shape (…, band, y, x)."""
Values: TypeAlias = NDArray[np.number]
"""Intensities, or classes of shape (…, y, x)."""

_TUNED_ON: Final = 4000
"""Spectra to tune on; more take longer and change nothing."""


class Baseline(NamedTuple):
    """A classical method with its settings."""

    name: str
    settings: str
    run: Callable[[IntensityArray], Values]
    """From intensities, (…, band, y, x), to cleaner ones, or to classes, (…, y, x)."""


class TrainingSpectra(NamedTuple):
    """The spectra of the training pixels in a row, with their targets."""

    input: IntensityArray
    """Shape (band, 1, spectrum)."""
    target: Values
    """Clean spectra or channels, (band, 1, spectrum), or classes, (1, spectrum)."""
    block: NDArray[np.integer]
    """Block of the image that each spectrum lies in, (spectrum,): folds never divide a block."""

    @classmethod
    def of(
        cls,
        input: IntensityArray,
        target: Values,
        train: Mask,
    ) -> TrainingSpectra:
        """Return the training spectra of an image.

        Parameters
        ----------
        input : ndarray, shape (…, band, y, x)
        target : ndarray
            Of the training pixels only, in a row: shape (band, 1, spectrum) or (1, spectrum).
        train : ndarray of bool, shape (y, x)
        """
        planes = math.prod(input.shape[:-3])  # which share their blocks
        block = np.tile(blocks_of(train), planes)
        return cls(spectra_in_row(input, train), target, block)

    def subsampled(self) -> TrainingSpectra:
        """Return enough spectra to tune on, spread evenly over all."""
        # rounded up, so that there are never more
        step = -(-self.input.shape[-1] // _TUNED_ON)
        return TrainingSpectra(
            self.input[..., ::step],
            self.target[..., ::step],
            self.block[::step],
        )


def raw(data: IntensityArray) -> NDArray[np.float32]:
    """Return intensities as they were measured, (…, band, y, x)."""
    return np.asarray(data, np.float32)


def without_bad_bands(data: IntensityArray, good: GoodBands) -> IntensityArray:
    """Return intensities, (…, band, y, x), in which bad bands are missing and so weigh nothing."""
    if good.all():
        return data
    return np.where(good[:, None, None], data, np.nan)
