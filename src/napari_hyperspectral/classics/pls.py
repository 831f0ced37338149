"""Regression by partial least squares: components that vary with the target, not just much.

Source: Wold, Sjöström & Eriksson 2001, https://doi.org/10.1016/S0169-7439(01)00155-1
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from ..networks.base import Ports
from .base import Arrays, Rows, SpectrumClassic, TrainingData
from .ridge import LinearMap
from .tuning import block_folds, least_mean

MOST_COMPONENTS: Final = 40
"""Components to try."""
_MOST_SPECTRA: Final = 4000
"""Spectra to tune on; more take longer and change nothing."""


class PLS(SpectrumClassic):
    """Partial least squares, for concentrations, channels and spectra of another instrument."""

    source: ClassVar[str] = (
        "Wold, Sjöström & Eriksson 2001, PLS-regression: a basic tool of chemometrics, "
        "https://doi.org/10.1016/S0169-7439(01)00155-1"
    )
    predicts: ClassVar[Literal["intensities", "classes"]] = "intensities"
    kind: Literal["pls"] = "pls"
    components: Annotated[int, Ge(0), Le(1000)] = 0
    """Number of components; 0: the best on blocks of the training pixels."""

    def build(self, ports: Ports) -> LinearMap:
        return LinearMap()

    def floats_per_pixel(self, ports: Ports) -> int:
        return 5 * ports.bands_in + 4 * MOST_COMPONENTS + 2 * ports.bands_out

    def fit(self, data: TrainingData) -> Arrays:
        spectra = data.spectra
        known = np.isfinite(data.targets).all(axis=1)
        if not known.any():
            raise ValueError(
                "no training pixel has all targets, so partial least squares cannot learn from them; "
                "leave out channels with missing values, or choose boosted trees"
            )
        components = self.components or _tuned(spectra, data, np.flatnonzero(known))
        found = PartialLeastSquares.fit(spectra[known], data.targets[known], components)
        return {
            "features.mean": found.mean,
            "features.directions": found.rotations.T,
            "weights": found.loadings,
            "offset": found.offset,
        }

    def describe(self, arrays: Arrays) -> str:
        return f"{len(arrays['features.directions'])} components"

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=1)


class PartialLeastSquares(NamedTuple):
    """A fitted regression: spectra to scores of components, and these to the target."""

    mean: NDArray[np.floating]
    """Of the spectra, (band,)."""
    rotations: Rows
    """Shape (band, component)."""
    loadings: Rows
    """Shape (out, component)."""
    offset: NDArray[np.floating]
    """Mean of the target, (out,)."""

    @classmethod
    def fit(cls, spectra: Rows, targets: Rows, components: int) -> Self:
        """Fit at most so many components to spectra, (pixel, band), and targets, (pixel, out).

        Fewer are found where spectra or targets vary in fewer directions.
        """
        from sklearn.cross_decomposition import PLSRegression

        x = spectra.astype(np.float64)
        y = targets.astype(np.float64)
        mean = x.mean(axis=0)
        offset = y.mean(axis=0)
        most = min(components, _rank(x - mean), len(x) - 1)
        constant = np.allclose(y, offset)
        if most < 1 or constant:
            return cls(mean, np.zeros((x.shape[1], 0)), np.zeros((y.shape[1], 0)), offset)
        regression = PLSRegression(n_components=most, scale=False)
        with warnings.catch_warnings():
            # a target is explained before all components are found: those that follow are 0
            warnings.filterwarnings("ignore", message="y residual is constant")
            warnings.filterwarnings("ignore", message="Maximum number of iterations")
            regression.fit(x, y)
        return cls(mean, regression.x_rotations_, regression.y_loadings_, offset)

    def predict(self, spectra: Rows, components: int | None = None) -> Rows:
        """Return the prediction, (pixel, out), by the first components."""
        scores = (spectra - self.mean) @ self.rotations[:, :components]
        predicted: Rows = scores @ self.loadings[:, :components].T + self.offset
        return predicted


def component_numbers(most: int) -> list[int]:
    """Return the numbers of components to try, of which there are at most `most`."""
    return [number for number in range(1, MOST_COMPONENTS + 1) if number <= max(most, 1)]


def _tuned(spectra: Rows, data: TrainingData, known: NDArray[np.intp]) -> int:
    """Return the number of components of the least error on blocks of the training pixels."""
    step = -(-len(known) // _MOST_SPECTRA)
    pixels = known[::step]
    errors: dict[int, Sequence[float]] = {}
    for fold in block_folds(data.blocks[pixels]):
        train = pixels[fold.train]
        validation = pixels[fold.validation]
        found = PartialLeastSquares.fit(spectra[train], data.targets[train], MOST_COMPONENTS)
        for number in component_numbers(found.rotations.shape[1]):
            predicted = found.predict(spectra[validation], number)
            error = data.error(predicted, validation)
            errors[number] = [*errors.get(number, ()), error]
    if not errors:  # a single pixel
        return 1
    return least_mean(errors)


def _rank(centred: Rows) -> int:
    """Return in how many directions spectra, (pixel, band), vary by more than rounding errors."""
    gram = centred.T @ centred
    powers = np.linalg.eigvalsh(gram)
    return int((powers > 1e-12 * powers.max()).sum())
