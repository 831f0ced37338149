"""What classical classifiers share: features, training pixels, folds and class scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Final, Literal, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import metrics
from ..networks.base import FittedModule
from .base import Arrays, Classic, Rows, TrainingData
from .precision import in_full_precision
from .surroundings import PixelFeatures, radius_of
from .tuning import BlockNumbers, Fold, class_folds

ClassNumbers: TypeAlias = NDArray[np.int64]
"""Class of each pixel, (pixel,), counted from 0."""
SIGMAS: Final = (1.0, 2.0, 4.0, 8.0)
"""Standard deviations, in pixels, of the Gaussians by which the surroundings enter."""
COMPONENTS: Final = 40
"""Component maps whose surroundings enter; chosen on inner folds of Indian Pines."""
_REPEATS: Final = 2
"""How often the blocks are distributed over folds anew: one distribution may favour a setting."""
_ABSENT: Final = -30.0
"""Score of a class without a training pixel, as a logarithm of a probability."""
_SHARPNESSES: Final = np.geomspace(0.1, 100, 61)


class Classifier(Classic):
    """A classical method for classes, of single spectra or of the surroundings of each pixel."""

    predicts: ClassVar[Literal["intensities", "classes"]] = "classes"
    surroundings: bool = False
    """Whether it sees component maps of the surroundings, blurred at several scales, instead of
    single spectra."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "image" if self.surroundings else "spectrum"

    @property
    def receptive_radius(self) -> int:
        return radius_of(self._sigmas)

    @property
    def stride(self) -> int:
        return 1

    @property
    def _sigmas(self) -> tuple[float, ...]:
        return SIGMAS if self.surroundings else ()

    def feature_module(self) -> PixelFeatures:
        """Return the module that computes the features of pixels, which is empty before a fit."""
        return PixelFeatures(self._sigmas)

    def feature_count(self, bands: int) -> int:
        """Return how many features a pixel has, at most."""
        if not self.surroundings:
            return bands
        return len(SIGMAS) * min(bands, COMPONENTS)


class ClassifierModule(FittedModule):
    """The module of a classifier: from the features of a pixel to the scores of its classes.

    Parameters
    ----------
    features : PixelFeatures
        What it sees of each pixel.
    count : int
        Number of classes of the task.
    """

    present: Tensor
    """Class of the task, from 0, of each class that had training pixels, shape (class,)."""

    def __init__(self, features: PixelFeatures, count: int) -> None:
        super().__init__()
        self.features = features
        self.count = count
        self.register_buffer("present", torch.empty(0, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        with in_full_precision(x):
            scores = self.scores(self.features.rows(x))
            return class_scores(scores, self.present, self.count, x)

    @abstractmethod
    def scores(self, rows: Tensor) -> Tensor:
        """Return scores, (pixel, class), whose softmax are probabilities, of (pixel, feature)."""


@dataclass(frozen=True, eq=False)
class ClassTable:
    """The training pixels of a classifier, with the features that it sees."""

    rows: Rows
    """Features, (pixel, feature)."""
    classes: ClassNumbers
    """Class of each pixel, from 0, without gaps: see `present`."""
    present: ClassNumbers
    """Class of the task, from 0, of each class here, (class,)."""
    block: BlockNumbers
    """Block of the image that each pixel lies in, (pixel,)."""
    seed: int
    """Of the folds."""

    @cached_property
    def folds(self) -> list[Fold]:
        """Folds of blocks to tune on: every class is on both sides where it has two pixels.

        So few pixels that there is no fold are trained and validated on at once.
        """
        folds: list[Fold] = []
        for repeat in range(_REPEATS):
            for fold in class_folds(self.classes, self.block, self.seed + repeat):
                classes = np.unique(self.classes[fold.train])
                if len(fold.train) > len(classes):  # else there is no spread within a class
                    folds.append(fold)
        pixels = np.arange(len(self.classes))
        return folds or [Fold(pixels, pixels)]

    def agreement(self, predicted: ClassNumbers, fold: Fold) -> float:
        """Return the kappa of a prediction for the validation pixels of a fold, 1 at best.

        By accuracy, finding nothing of rare classes would be as good as the best setting.
        """
        true = self.classes[fold.validation]
        table = metrics.confusion(predicted + 1, true + 1, len(self.present))
        return metrics.agreement(table)

    def agreements(self, predictions: Sequence[ClassNumbers]) -> list[float]:
        """Return the kappa of the predictions for the validation pixels of each fold."""
        pairs = zip(predictions, self.folds, strict=True)
        return [self.agreement(predicted, fold) for predicted, fold in pairs]

    def thinned(self, most: int) -> Self:
        """Return a table of at most about `most` of these pixels, evenly; rare classes stay."""
        pixels = _evenly(self.classes, most)
        return replace(
            self,
            rows=self.rows[pixels],
            classes=self.classes[pixels],
            block=self.block[pixels],
        )


def class_table(method: Classifier, data: TrainingData) -> tuple[ClassTable, Arrays]:
    """Return the training pixels with their features, and the numbers of the features' module.

    Raises
    ------
    ValueError
        If all pixels are of one class.
    """
    numbers, rows = method.feature_module().fit(data, COMPONENTS)
    present, classes = np.unique(data.classes, return_inverse=True)
    if len(present) < 2:
        raise ValueError(
            f"{type(method).__name__} has training pixels of one class only; label pixels of at "
            "least two"
        )
    features = {f"features.{name}": array for name, array in numbers.items()}
    block = data.blocks_for(method.receptive_radius)
    return ClassTable(rows, classes, present, block, data.seed), features


def class_scores(scores: Tensor, present: Tensor, count: int, like: Tensor) -> Tensor:
    """Return scores of pixels as images of the logarithms of their probabilities.

    Parameters
    ----------
    scores : Tensor, shape (pixel, class)
        Their softmax are the probabilities of the classes that had training pixels.
    present : Tensor of int, shape (class,)
        Which classes of the task these are, from 0.
    count : int
        Number of classes of the task.
    like : Tensor, shape (batch, band, y, x)
        What was predicted from.
    """
    logarithms = scores.log_softmax(dim=1).float()
    complete = logarithms.new_full((len(scores), count), _ABSENT)
    complete[:, present] = logarithms
    batch, _, height, width = like.shape
    return complete.reshape(batch, height, width, count).permute(0, 3, 1, 2)


def best_sharpness(table: ClassTable, scores: Sequence[NDArray[np.floating]]) -> float:
    """Return the factor of scores under whose softmax the true classes are most likely.

    Of the scores for the validation pixels of each fold, (pixel, class): those of training pixels
    would be too sure. Source: Guo et al. 2017, temperature scaling, https://arxiv.org/abs/1706.04599
    """
    held_out = torch.from_numpy(np.concatenate(scores))
    labels = [table.classes[fold.validation] for fold in table.folds]
    target = torch.from_numpy(np.concatenate(labels))
    losses = []
    for sharpness in _SHARPNESSES:
        loss = torch.nn.functional.cross_entropy(sharpness * held_out, target)
        losses.append(float(loss))
    return float(_SHARPNESSES[np.argmin(losses)])


def _evenly(classes: ClassNumbers, most: int) -> NDArray[np.intp]:
    """Return at most about `most` pixels, evenly chosen; those of rare classes stay."""
    numbers, counts = np.unique(classes, return_counts=True)
    limit = _equal_share(counts, most)
    chosen = []
    for number, count in zip(numbers, counts, strict=True):
        step = -(-count // limit)
        chosen.append(np.flatnonzero(classes == number)[::step])
    return np.sort(np.concatenate(chosen))


def _equal_share(counts: NDArray[np.intp], most: int) -> int:
    """Return the largest number of pixels of a class for which all classes have at most `most`."""
    left = most
    for number, count in enumerate(np.sort(counts)):
        share = left // (len(counts) - number)
        if count > share:
            return max(share, 1)
        left -= int(count)
    return int(counts.max())
