"""Steps that subtract a baseline (background) from each spectrum."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from ...axis import Axis
from ..arrays import Float32, Intensities
from ..baseline import als_background, minimum_background, polynomial_background
from .base import SpectraStep, spectral


class MinimumBaseline(SpectraStep):
    """Subtract the minimum of each spectrum."""

    title: ClassVar[str] = "Minimum baseline"
    group: ClassVar[str] = "Baseline"
    kind: Literal["minimum_baseline"] = "minimum_baseline"

    def line(self, axis: Axis) -> str:
        return "subtracted the minimum of each spectrum"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return _difference(data, minimum_background(data, good=axis.good))


class PolynomialBaseline(SpectraStep):
    """Subtract the polynomial that fits each spectrum best."""

    title: ClassVar[str] = "Polynomial baseline"
    group: ClassVar[str] = "Baseline"
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["polynomial_baseline"] = "polynomial_baseline"
    order: Annotated[int, Ge(0)] = 3
    """Degree of the polynomial: 0 is the mean, 1 a straight line."""

    def line(self, axis: Axis) -> str:
        return f"subtracted a polynomial of order {self.order}"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        centres = spectral(axis, "a polynomial background").centres
        background = polynomial_background(data, centres, self.order, good=axis.good)
        return _difference(data, background)


class AsLSBaseline(SpectraStep):
    """Subtract a smooth curve below the peaks of each spectrum, by asymmetric least squares."""

    title: ClassVar[str] = "AsLS baseline"
    group: ClassVar[str] = "Baseline"
    source: ClassVar[str] = (
        'Eilers & Boelens 2005, "Baseline correction with asymmetric least squares smoothing", '
        "Leiden University Medical Centre report"
    )
    kind: Literal["asls_baseline"] = "asls_baseline"
    smoothness: Annotated[float, Gt(0)] = 1e5
    """Smoothness of the curve (λ): 1e2 follows broad peaks, 1e9 is almost a straight line."""
    asymmetry: Annotated[float, Gt(0), Lt(1)] = 0.01
    """Weight of values above the curve (p), 0.001 to 0.1; those below have the rest of 1."""

    def line(self, axis: Axis) -> str:
        return f"subtracted a background (als, {self.smoothness:g}, {self.asymmetry:g})"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        spectral(axis, "an als background")
        background = als_background(data, self.smoothness, self.asymmetry, good=axis.good)
        return _difference(data, background)


def _difference(data: Intensities, background: Float32) -> Float32:
    """Return spectra minus their backgrounds, (…, band, y, x)."""
    return np.asarray(data, np.float32) - background
