"""Whether a model that is 80 % sure is right in 80 of 100 cases: calibration of probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..metrics.values import Floats

_BINS: Final = 15
"""As in the paper."""


@dataclass(frozen=True, eq=False)
class ProbabilityCalibration:
    """How sure a model was, and how often it was right, in bins of its probabilities.

    Source: Guo et al. 2017, On calibration of modern neural networks,
    https://arxiv.org/abs/1706.04599
    """

    edges: Floats
    """Of the bins, from 0 to 1, shape (bin + 1,)."""
    count: NDArray[np.int64]
    """Predictions in each bin, shape (bin,)."""
    confidence: Floats
    """Mean probability of the predicted class, shape (bin,); NaN in an empty bin."""
    accuracy: Floats
    """Share of right predictions, shape (bin,); NaN in an empty bin."""

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.floating],
        truth: NDArray[np.integer],
        bins: int = _BINS,
    ) -> ProbabilityCalibration:
        """Compare probabilities with the truth.

        Parameters
        ----------
        probabilities : ndarray, shape (class, …)
            Of each class, from 0 to 1; NaN where nothing was measured.
        truth : ndarray of int, shape (…)
            Classes from 1; 0 is unlabelled and not counted.
        bins : int
            Of equal width from 0 to 1.
        """
        flat = probabilities.reshape(len(probabilities), -1)
        classes = truth.ravel()
        known = np.isfinite(flat).all(axis=0) & (classes > 0)
        flat = flat[:, known]
        right = flat.argmax(axis=0) + 1 == classes[known]
        sure = flat.max(axis=0, initial=0).astype(np.float64)
        edges = np.linspace(0, 1, bins + 1)
        # each bin holds its upper edge, so that 1 has a bin
        number = np.ceil(sure * bins).astype(int) - 1
        number = number.clip(0, bins - 1)
        count = np.bincount(number, minlength=bins)
        with np.errstate(invalid="ignore"):  # 0/0 of an empty bin is NaN
            confidence = np.bincount(number, sure, bins) / count
            accuracy = np.bincount(number, right, bins) / count
        return cls(edges, count, confidence, accuracy)

    @property
    def error(self) -> float:
        """Expected calibration error: |confidence − accuracy|, bins by their predictions, 0 to 1."""
        return self._mean(np.abs(self.confidence - self.accuracy))

    @property
    def mean_confidence(self) -> float:
        """Mean probability of the predicted class."""
        return self._mean(self.confidence)

    @property
    def mean_accuracy(self) -> float:
        """Share of right predictions."""
        return self._mean(self.accuracy)

    def _mean(self, values: Floats) -> float:
        """Return the mean of values of bins, by their predictions; NaN where there is none."""
        some = self.count > 0
        if not some.any():
            return float("nan")
        return float(np.average(values[some], weights=self.count[some]))
