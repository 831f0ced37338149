"""Linear discriminant analysis, its covariance shrunk towards independent features.

Source: Fisher 1936, https://doi.org/10.1111/j.1469-1809.1936.tb02137.x; shrinkage Friedman 1989,
https://doi.org/10.1080/01621459.1989.10478752
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from .base import Arrays, Rows, TrainingData
from .classifier import ClassTable, class_table
from .linear_classifier import DiscriminantAnalysis, linear_arrays
from .tuning import smoothest_of_best

if TYPE_CHECKING:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

_SHRINKAGES: Final = (0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 1e-3, 1e-4, 1e-5)
"""The smoothest first."""
_MOST_PIXELS: Final = 100_000
"""Training pixels."""
_MOST_TUNED: Final = 10_000
"""Training pixels that the shrinkage is tuned on."""


class LDA(DiscriminantAnalysis):
    """Linear discriminant analysis: classes of one shape, each around its mean spectrum."""

    source: ClassVar[str] = (
        "Fisher 1936, The use of multiple measurements in taxonomic problems, "
        "https://doi.org/10.1111/j.1469-1809.1936.tb02137.x"
    )
    kind: Literal["lda"] = "lda"
    shrinkage: Annotated[float, Ge(0), Le(1)] = 0.0
    """How far the covariance of the features is shrunk towards independent features of equal
    variance, from none to 1; 0: tuned on blocks of the training pixels."""

    def fit(self, data: TrainingData) -> Arrays:
        table, features = class_table(self, data)
        if len(table.classes) <= len(table.present):
            raise ValueError(
                f"discriminant analysis has one training pixel of each of {len(table.present)} classes; "
                "label more, or choose SVM"
            )
        shrinkage = self.shrinkage or _tuned(table.thinned(_MOST_TUNED))
        table = table.thinned(_MOST_PIXELS)
        analysis = _analysis(shrinkage).fit(table.rows, table.classes)
        weights, offset = _of_each_class(analysis)
        return {**features, **linear_arrays(weights, offset, table.present, shrinkage)}

    def describe(self, arrays: Arrays) -> str:
        return f"shrinkage {float(arrays['setting']):g}"

    @classmethod
    def smallest(cls) -> Self:
        return cls(shrinkage=0.5)


def _analysis(shrinkage: float) -> LinearDiscriminantAnalysis:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)


def _tuned(table: ClassTable) -> float:
    """Return the strongest shrinkage whose kappa on blocks is as good as the best."""
    agreements = {}
    for shrinkage in _SHRINKAGES:
        predictions = []
        for fold in table.folds:
            analysis = _analysis(shrinkage)
            analysis.fit(table.rows[fold.train], table.classes[fold.train])
            predictions.append(analysis.predict(table.rows[fold.validation]))
        agreements[shrinkage] = table.agreements(predictions)
    return smoothest_of_best(agreements)


def _of_each_class(analysis: LinearDiscriminantAnalysis) -> tuple[Rows, NDArray[np.floating]]:
    """Return weights, (class, feature), and offsets, (class,), whose softmax are probabilities."""
    weights, offset = analysis.coef_, analysis.intercept_
    if len(weights) > 1:
        return weights, offset
    # of two classes there is one function, the difference between them
    signs = np.array([-0.5, 0.5])
    return signs[:, None] * weights, signs * offset
