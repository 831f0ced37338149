"""What classifiers share whose decisions are linear in the features: their module, and its size."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.base import Ports
from .base import Arrays, Rows
from .classifier import Classifier, ClassifierModule
from .precision import as_two, sum_of_two, widest
from .surroundings import PixelFeatures


class DiscriminantAnalysis(Classifier):
    """A classifier whose decisions are linear in the features."""

    def build(self, ports: Ports) -> LinearClassifier:
        return LinearClassifier(self.feature_module(), ports.bands_out)

    def floats_per_pixel(self, ports: Ports) -> int:
        features = self.feature_count(ports.bands_in)
        return 2 * ports.bands_in + 5 * features + 8 * ports.bands_out


class LinearClassifier(ClassifierModule):
    """A linear function of the features for each class."""

    weights: Tensor
    """Shape (2, class, feature): see `as_two`."""
    offset: Tensor
    """Shape (2, class)."""
    sharpness: Tensor
    """Scores are decisions multiplied by it, shape ()."""
    setting: Tensor
    """What was tuned, shape ()."""

    def __init__(self, features: PixelFeatures, count: int) -> None:
        super().__init__(features, count)
        self.register_buffer("weights", torch.empty(2, 0, 0))
        self.register_buffer("offset", torch.empty(2, 0))
        self.register_buffer("sharpness", torch.empty(()))
        self.register_buffer("setting", torch.empty(()))

    def scores(self, rows: Tensor) -> Tensor:
        return self.sharpness * self.decisions(rows)

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
