"""What a classification has to beat: a support vector machine on single spectra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ...metrics import confusion, overall_accuracy
from ...metrics.values import GoodBands
from .baseline import Baseline, IntensityArray, TrainingSpectra
from .tuning import Fold, best_of_growing_grid, class_folds

if TYPE_CHECKING:
    from sklearn.svm import SVC

_COSTS: Final = (1.0, 10.0, 100.0, 1000.0)
_GAMMAS: Final = (1e-4, 1e-3, 1e-2, 1e-1)


def tune_svm(spectra: TrainingSpectra, good: GoodBands, seed: int = 0) -> Baseline:
    """Return a support vector machine with radial basis functions, on standardised bands.

    C and gamma are those of highest cross-validation accuracy; where the best lies on the edge of
    the grid, the grid is widened. Source: Melgani & Bruzzone 2004,
    https://doi.org/10.1109/TGRS.2004.831865

    Parameters
    ----------
    spectra : TrainingSpectra
        With classes as targets; 0 is unlabelled.
    good : ndarray of bool, shape (band,)
    seed : int
        Of the folds.
    """
    from sklearn.svm import SVC

    measured = np.isfinite(spectra.input[good, 0]).any(axis=0)
    used = measured & (spectra.target[0] > 0)
    table = spectra.input[good][:, 0, used].T  # (spectrum, band)
    classes = spectra.target[0, used].astype(np.int64)
    bands = _BandStatistics.of(table)
    table = bands.standardised(table)
    folds = list(class_folds(classes, spectra.block[used], seed))

    def score(cost: float, gamma: float) -> float:
        return _accuracy(SVC(C=cost, gamma=gamma), table, classes, folds)

    cost, gamma = best_of_growing_grid(score, _COSTS, _GAMMAS)
    machine = SVC(C=cost, gamma=gamma).fit(table, classes)

    def run(data: IntensityArray) -> NDArray[np.int64]:
        pixels = np.moveaxis(data, -3, -1)[..., good]  # (…, y, x, band)
        measured = np.isfinite(pixels).any(axis=-1)
        prediction = np.zeros(measured.shape, np.int64)  # 0 where nothing is measured
        if measured.any():
            prediction[measured] = machine.predict(bands.standardised(pixels[measured]))
        return prediction

    return Baseline("SVM", f"C {cost:g}, gamma {gamma:g}", run)


def _accuracy(
    machine: SVC, table: NDArray[np.floating], classes: NDArray[np.int64], folds: Sequence[Fold]
) -> float:
    """Return the cross-validation accuracy of a classifier of spectra, (spectrum, band)."""
    prediction = np.zeros_like(classes)
    for fold in folds:
        machine.fit(table[fold.train], classes[fold.train])
        prediction[fold.validation] = machine.predict(table[fold.validation])
    counts = confusion(prediction[None], classes[None], int(classes.max()))
    return overall_accuracy(counts)


class _BandStatistics(NamedTuple):
    """Mean and standard deviation of each band, each of shape (band,)."""

    mean: NDArray[np.floating]
    std: NDArray[np.floating]

    @classmethod
    def of(cls, table: NDArray[np.floating]) -> Self:
        """Return those of a table of spectra, (spectrum, band)."""
        std = np.nanstd(table, axis=0)
        return cls(np.nanmean(table, axis=0), np.where(std > 0, std, 1.0))

    def standardised(self, table: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return spectra, (spectrum, band), with mean 0 and deviation 1; 0 where missing."""
        standardised: NDArray[np.floating] = np.nan_to_num((table - self.mean) / self.std)
        return standardised
