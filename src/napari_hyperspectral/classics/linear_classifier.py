"""The module of classifiers whose decisions are linear in the features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.base import FittedModule
from .base import Arrays, Rows
from .classifier import class_scores
from .precision import as_two, in_full_precision, sum_of_two, widest
from .surroundings import PixelFeatures


class LinearClassifier(FittedModule):
    """A linear function of the features for each class.

    Parameters
    ----------
    features : PixelFeatures
        What it sees of each pixel.
    count : int
        Number of classes of the task.
    """

    weights: Tensor
    """Shape (2, class, feature): see `as_two`."""
    offset: Tensor
    """Shape (2, class)."""
    sharpness: Tensor
    """Scores are decisions multiplied by it, shape ()."""
    present: Tensor
    """Class of the task, from 0, of each class, shape (class,)."""
    setting: Tensor
    """What was tuned, shape ()."""

    def __init__(self, features: PixelFeatures, count: int) -> None:
        super().__init__()
        self.features = features
        self.count = count
        self.register_buffer("weights", torch.empty(2, 0, 0))
        self.register_buffer("offset", torch.empty(2, 0))
        self.register_buffer("sharpness", torch.empty(()))
        self.register_buffer("present", torch.empty(0, dtype=torch.int64))
        self.register_buffer("setting", torch.empty(()))

    def forward(self, x: Tensor) -> Tensor:
        with in_full_precision(x):
            decisions = self.decisions(self.features.rows(x))
            return class_scores(self.sharpness * decisions, self.present, self.count, x)

    def decisions(self, rows: Tensor) -> Tensor:
        """Return decisions, (pixel, class), of features, (pixel, feature)."""
        weights = sum_of_two(self.weights)
        return torch.addmm(sum_of_two(self.offset), widest(rows), weights.T)


def linear_arrays(
    weights: Rows,
    offset: NDArray[np.floating],
    present: NDArray[np.int64],
    setting: float,
    sharpness: float = 1.0,
) -> Arrays:
    """Return the numbers of a `LinearClassifier`, without those of its features.

    Parameters
    ----------
    weights : ndarray, shape (class, feature)
    offset : ndarray, shape (class,)
    present : ndarray of int, shape (class,)
        Class of the task, from 0, of each class.
    setting : float
        What was tuned.
    sharpness : float
        Scores are decisions multiplied by it.
    """
    return {
        "weights": as_two(weights),
        "offset": as_two(offset),
        "sharpness": np.array(sharpness),
        "present": present,
        "setting": np.array(setting),
    }
