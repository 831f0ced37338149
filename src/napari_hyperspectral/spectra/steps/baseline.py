"""Steps that subtract a baseline (background) from each spectrum."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from ...axis import Axis
from ..arrays import Float32, Intensities
from ..baselines.hull import rubber_band_baseline
from ..baselines.least_squares import airpls_baseline, als_background, arpls_baseline
from ..baselines.modified import modified_polynomial_baseline
from ..baselines.simple import minimum_background, polynomial_background
from ..baselines.windows import rolling_ball_baseline, snip_baseline
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


class ArPLSBaseline(SpectraStep):
    """Subtract a smooth curve through the noise between the peaks of each spectrum."""

    title: ClassVar[str] = "arPLS baseline"
    group: ClassVar[str] = "Baseline"
    source: ClassVar[str] = "Baek et al. 2015, https://doi.org/10.1039/C4AN01061B"
    kind: Literal["arpls_baseline"] = "arpls_baseline"
    smoothness: Annotated[float, Gt(0)] = 1e5
    """Smoothness of the curve (λ): 1e2 follows broad peaks, 1e9 is almost a straight line."""

    def line(self, axis: Axis) -> str:
        return f"subtracted a baseline (arPLS, {self.smoothness:g})"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        spectral(axis, "an arPLS baseline")
        return _difference(data, arpls_baseline(data, self.smoothness, good=axis.good))


class AirPLSBaseline(SpectraStep):
    """Subtract a smooth curve along the lower side of each spectrum."""

    title: ClassVar[str] = "airPLS baseline"
    group: ClassVar[str] = "Baseline"
    source: ClassVar[str] = "Zhang, Chen & Liang 2010, https://doi.org/10.1039/B922045C"
    kind: Literal["airpls_baseline"] = "airpls_baseline"
    smoothness: Annotated[float, Gt(0)] = 1e6
    """Smoothness of the curve (λ): 1e2 follows broad peaks, 1e9 is almost a straight line."""

    def line(self, axis: Axis) -> str:
        return f"subtracted a baseline (airPLS, {self.smoothness:g})"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        spectral(axis, "an airPLS baseline")
        return _difference(data, airpls_baseline(data, self.smoothness, good=axis.good))


class ModifiedPolynomialBaseline(SpectraStep):
    """Subtract the polynomial that is left below the peaks when these are cut down again and again."""

    title: ClassVar[str] = "Modified polynomial baseline"
    group: ClassVar[str] = "Baseline"
    source: ClassVar[str] = (
        "Lieber & Mahadevan-Jansen 2003, https://doi.org/10.1366/000370203322554518; improved: "
        "Zhao et al. 2007, https://doi.org/10.1366/000370207782597003"
    )
    kind: Literal["modified_polynomial_baseline"] = "modified_polynomial_baseline"
    order: Annotated[int, Ge(0)] = 5
    """Degree of the polynomial."""
    improved: bool = True
    """Whether noise is allowed for (IModPoly): the curve lies in the middle of it, not below."""

    def line(self, axis: Axis) -> str:
        name = "IModPoly" if self.improved else "ModPoly"
        return f"subtracted a baseline ({name}, order {self.order})"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        centres = spectral(axis, "a modified polynomial baseline").centres
        baseline = modified_polynomial_baseline(
            data, centres, self.order, improved=self.improved, good=axis.good
        )
        return _difference(data, baseline)


class RubberBandBaseline(SpectraStep):
    """Subtract a rubber band that is stretched below each spectrum: its lower convex hull."""

    title: ClassVar[str] = "Rubber band baseline"
    group: ClassVar[str] = "Baseline"
    source: ClassVar[str] = "Wartewig 2003, https://doi.org/10.1002/3527601635"
    kind: Literal["rubber_band_baseline"] = "rubber_band_baseline"

    def line(self, axis: Axis) -> str:
        return "subtracted a baseline (rubber band)"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        centres = spectral(axis, "a rubber band").centres
        return _difference(data, rubber_band_baseline(data, centres, good=axis.good))


class SNIPBaseline(SpectraStep):
    """Subtract what is left of each spectrum when its peaks are clipped, window by window."""

    title: ClassVar[str] = "SNIP baseline"
    group: ClassVar[str] = "Baseline"
    source: ClassVar[str] = (
        "Ryan et al. 1988, https://doi.org/10.1016/0168-583X(88)90063-8; Morháč et al. 1997, "
        "https://doi.org/10.1016/S0168-9002(97)01023-1"
    )
    kind: Literal["snip_baseline"] = "snip_baseline"
    half_window: Annotated[int, Ge(1)] = 40
    """Greatest distance of the bands that clip a peak, in bands: about the width of the broadest."""
    decreasing: bool = True
    """Whether windows become smaller, not larger: the baseline is smoother."""

    def line(self, axis: Axis) -> str:
        return f"subtracted a baseline (SNIP, {self.half_window} bands)"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        spectral(axis, "a SNIP baseline")
        baseline = snip_baseline(data, self.half_window, decreasing=self.decreasing, good=axis.good)
        return _difference(data, baseline)


class RollingBallBaseline(SpectraStep):
    """Subtract the curve that a ball touches which rolls below each spectrum."""

    title: ClassVar[str] = "Rolling ball baseline"
    group: ClassVar[str] = "Baseline"
    source: ClassVar[str] = "Kneen & Annegarn 1996, https://doi.org/10.1016/0168-583X(95)00908-6"
    kind: Literal["rolling_ball_baseline"] = "rolling_ball_baseline"
    half_window: Annotated[int, Ge(1)] = 40
    """Half width of the ball, in bands: more than that of the broadest peak."""
    smoothing: Annotated[int, Ge(0)] = 20
    """Number of bands on each side over which the curve is averaged."""

    def line(self, axis: Axis) -> str:
        return f"subtracted a baseline (rolling ball, {self.half_window} bands)"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        spectral(axis, "a rolling ball")
        baseline = rolling_ball_baseline(data, self.half_window, self.smoothing, good=axis.good)
        return _difference(data, baseline)


def _difference(data: Intensities, background: Float32) -> Float32:
    """Return spectra minus their backgrounds, (…, band, y, x)."""
    return np.asarray(data, np.float32) - background
