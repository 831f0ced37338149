"""Discriminant analysis by partial least squares: a regression to the class of each pixel.

Source: Barker & Rayens 2003, https://doi.org/10.1002/cem.785
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
from annotated_types import Ge, Le

from .base import Arrays, Rows, TrainingData
from .classifier import ClassNumbers, ClassTable, best_sharpness, class_table
from .linear_classifier import DiscriminantAnalysis, linear_arrays
from .pls import MOST_COMPONENTS, PartialLeastSquares, component_numbers
from .tuning import smoothest_of_best

_MOST_PIXELS: Final = 50_000
"""Training pixels."""
_MOST_TUNED: Final = 5000
"""Training pixels that the number of components is tuned on."""


class PLSDA(DiscriminantAnalysis):
    """Partial least squares to a number for each class, 1 in its pixels and 0 elsewhere."""

    source: ClassVar[str] = (
        "Barker & Rayens 2003, Partial least squares for discrimination, "
        "https://doi.org/10.1002/cem.785"
    )
    kind: Literal["pls_da"] = "pls_da"
    components: Annotated[int, Ge(0), Le(1000)] = 0
    """Number of components; 0: tuned on blocks of the training pixels."""

    def fit(self, data: TrainingData) -> Arrays:
        table, features = class_table(self, data)
        small = table.thinned(_MOST_TUNED)
        fits = _fits(small, self.components or MOST_COMPONENTS)
        components = self.components or _tuned(small, fits)
        held_out = _predicted(small, fits, components)
        sharpness = best_sharpness(small, held_out)
        table = table.thinned(_MOST_PIXELS)
        found = PartialLeastSquares.fit(table.rows, _indicators(table), components)
        weights = found.loadings @ found.rotations.T
        offset = found.offset - weights @ found.mean
        arrays = linear_arrays(weights, offset, table.present, components, sharpness)
        return {**features, **arrays}

    def describe(self, arrays: Arrays) -> str:
        return f"{int(arrays['setting'])} components"

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=1)


def _fits(table: ClassTable, components: int) -> list[PartialLeastSquares]:
    """Return the regression on the training pixels of each fold."""
    targets = _indicators(table)
    fits = []
    for fold in table.folds:
        rows = table.rows[fold.train]
        fits.append(PartialLeastSquares.fit(rows, targets[fold.train], components))
    return fits


def _predicted(table: ClassTable, fits: list[PartialLeastSquares], components: int) -> list[Rows]:
    """Return the prediction, (pixel, class), for the validation pixels of each fold."""
    predicted = []
    for fold, found in zip(table.folds, fits, strict=True):
        predicted.append(found.predict(table.rows[fold.validation], components))
    return predicted


def _tuned(table: ClassTable, fits: list[PartialLeastSquares]) -> int:
    """Return the smallest number of components whose kappa on blocks is as good as the best."""
    if not fits:  # no class has two pixels
        return 1
    agreements = {}
    most = min(found.rotations.shape[1] for found in fits)
    for number in component_numbers(most):
        predictions: list[ClassNumbers] = []
        for predicted in _predicted(table, fits, number):
            predictions.append(predicted.argmax(axis=1))
        agreements[number] = table.agreements(predictions)
    return smoothest_of_best(agreements)


def _indicators(table: ClassTable) -> Rows:
    """Return 1 for the class of each pixel and 0 for the others, (pixel, class)."""
    indicators: Rows = np.eye(len(table.present))[table.classes]
    return indicators
