"""Steps that normalise each spectrum: divide it by its maximum, area, norm or deviation.

Dark spectra become 0. A target is normalised by the divisors of its input.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Le

from ...axis import Axis
from ..arrays import Float32, Intensities
from ..scaling import by_area, by_maximum, by_percentile, by_vector, standard_normal
from .base import SpectraStep, spectral


class NormaliseMaximum(SpectraStep):
    """Divide each spectrum by its maximum."""

    title: ClassVar[str] = "Normalise by maximum"
    group: ClassVar[str] = "Normalise"
    normalises: ClassVar[bool] = True
    kind: Literal["normalise_maximum"] = "normalise_maximum"

    def line(self, axis: Axis) -> str:
        return "normalised by maximum"

    def unit_after(self, unit: str | None) -> str | None:
        return "share of the maximum"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return by_maximum(data, good=axis.good)


class NormaliseArea(SpectraStep):
    """Divide each spectrum by its area."""

    title: ClassVar[str] = "Normalise by area"
    group: ClassVar[str] = "Normalise"
    normalises: ClassVar[bool] = True
    kind: Literal["normalise_area"] = "normalise_area"

    def line(self, axis: Axis) -> str:
        return "normalised by area"

    def unit_after(self, unit: str | None) -> str | None:
        return "share of the area"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        centres = spectral(axis, "an area").centres
        return by_area(data, centres, good=axis.good)


class NormaliseVector(SpectraStep):
    """Divide each spectrum by its Euclidean norm: the root of its sum of squares."""

    title: ClassVar[str] = "Normalise by vector norm"
    group: ClassVar[str] = "Normalise"
    normalises: ClassVar[bool] = True
    kind: Literal["normalise_vector"] = "normalise_vector"

    def line(self, axis: Axis) -> str:
        return "normalised by vector"

    def unit_after(self, unit: str | None) -> str | None:
        return "share of the length"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return by_vector(data, good=axis.good)


class SNV(SpectraStep):
    """Subtract the mean of each spectrum and divide by its standard deviation."""

    title: ClassVar[str] = "Standard normal variate (SNV)"
    group: ClassVar[str] = "Normalise"
    source: ClassVar[str] = "Barnes, Dhanoa & Lister 1989, https://doi.org/10.1366/0003702894202201"
    normalises: ClassVar[bool] = True
    kind: Literal["snv"] = "snv"

    def line(self, axis: Axis) -> str:
        return "normalised by snv"

    def unit_after(self, unit: str | None) -> str | None:
        return "standard deviations"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return standard_normal(data, good=axis.good)


class NormalisePercentile(SpectraStep):
    """Divide each spectrum by a percentile of its values: a maximum that spikes do not change."""

    title: ClassVar[str] = "Normalise by percentile"
    group: ClassVar[str] = "Normalise"
    normalises: ClassVar[bool] = True
    kind: Literal["normalise_percentile"] = "normalise_percentile"
    percentile: Annotated[float, Gt(0), Le(100)] = 99.0
    """Percentile of its values that a spectrum is divided by: 50 is the median, 100 the maximum."""

    def line(self, axis: Axis) -> str:
        return f"normalised by percentile {self.percentile:g} %"

    def unit_after(self, unit: str | None) -> str | None:
        return "share of the percentile"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return by_percentile(data, self.percentile, good=axis.good)
