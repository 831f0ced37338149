"""What a classification has to beat: a support vector machine on single spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...classics.tuning import Fold, best_of_growing_grid, class_folds
from ...metrics import confusion, overall_accuracy
from ...metrics.values import GoodBands
from .baseline import Baseline, IntensityArray, TrainingSpectra

if TYPE_CHECKING:
    from sklearn.svm import SVC

SampleTable: TypeAlias = NDArray[np.floating]
"""Intensities of spectra, shape (spectrum, band)."""
_COSTS: Final = (1.0, 10.0, 100.0, 1000.0)
_GAMMAS: Final = (1e-4, 1e-3, 1e-2, 1e-1)


def tune_svm(
    spectra: TrainingSpectra,
    good: GoodBands,
    seed: int = 0,
) -> Baseline:
    """Return a support vector machine with radial basis functions, on standardised bands.

    C and gamma are those of highest cross-validation accuracy; where the best lies on the edge of
    the grid, the grid is widened. Source: Melgani & Bruzzone 2004,
    https://doi.org/10.1109/TGRS.2004.831865

    Parameters
    ----------
    spectra : TrainingSpectra
        With classes as targets; 0 is unlabelled.
    good : ndarray of bool, shape (band,)
        Bands that count.
    seed : int
        Of the folds.
    """
    from sklearn.svm import SVC

    labels = spectra.target[0]  # (spectrum,)
    intensities = spectra.input[good, 0]  # (band, spectrum)
    measured = np.isfinite(intensities).any(axis=0)
    used = measured & (labels > 0)
    table = intensities[:, used].T  # (spectrum, band)
    classes = labels[used].astype(np.int64)
    block = spectra.block[used]
    bands = _BandStatistics.of(table)
    table = bands.standardised(table)
    # the same folds for all settings, so that only these differ
    folds = list(class_folds(classes, block, seed))

    def score(cost: float, gamma: float) -> float:
        machine = SVC(C=cost, gamma=gamma)
        return _accuracy(machine, table, classes, folds)

    cost, gamma = best_of_growing_grid(score, _COSTS, _GAMMAS)
    machine = SVC(C=cost, gamma=gamma)
    machine.fit(table, classes)

    def run(data: IntensityArray) -> NDArray[np.int64]:
        pixels = np.moveaxis(data, -3, -1)  # (…, y, x, band)
        pixels = pixels[..., good]
        measured = np.isfinite(pixels).any(axis=-1)
        prediction = np.zeros(measured.shape, np.int64)  # 0 where nothing is measured
        if measured.any():
            table = bands.standardised(pixels[measured])
            prediction[measured] = machine.predict(table)
        return prediction

    settings = f"C {cost:g}, gamma {gamma:g}"
    return Baseline("SVM", settings, run)


def _accuracy(
    machine: SVC,
    table: SampleTable,
    classes: NDArray[np.int64],
    folds: Sequence[Fold],
) -> float:
    """Return the cross-validation accuracy, 0 to 1, of a classifier of spectra."""
    prediction = np.zeros_like(classes)
    for fold in folds:
        train = fold.train
        machine.fit(table[train], classes[train])
        validation = fold.validation
        prediction[validation] = machine.predict(table[validation])
    count = int(classes.max())
    counts = confusion(prediction[None], classes[None], count)
    return overall_accuracy(counts)


class _BandStatistics(NamedTuple):
    """Mean and standard deviation of each band, each of shape (band,)."""

    mean: NDArray[np.floating]
    std: NDArray[np.floating]

    @classmethod
    def of(cls, table: SampleTable) -> Self:
        """Return those of a table of spectra, (spectrum, band)."""
        mean = np.nanmean(table, axis=0)
        std = np.nanstd(table, axis=0)
        # a constant band tells nothing: 0 by 1 is left of it
        std = np.where(std > 0, std, 1.0)
        return cls(mean, std)

    def standardised(self, table: SampleTable) -> SampleTable:
        """Return spectra, (spectrum, band), with mean 0 and deviation 1; 0 where missing."""
        scores = (table - self.mean) / self.std
        standardised: SampleTable = np.nan_to_num(scores)
        return standardised
