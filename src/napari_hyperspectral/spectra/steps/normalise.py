"""Steps that normalise each spectrum: divide it by its maximum, area, norm or deviation.

Dark spectra become 0. A target is normalised by the divisors of its input.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from ...axis import Axis
from ..arrays import Float32, GoodBands, Intensities
from ..scaling import (
    by_area,
    by_maximum,
    by_percentile,
    by_total,
    by_vector,
    standard_normal,
)
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


class NormaliseMedian(SpectraStep):
    """Divide each spectrum by the median of its values."""

    title: ClassVar[str] = "Normalise by median"
    group: ClassVar[str] = "Normalise"
    normalises: ClassVar[bool] = True
    kind: Literal["normalise_median"] = "normalise_median"

    def line(self, axis: Axis) -> str:
        return "normalised by the median"

    def unit_after(self, unit: str | None) -> str | None:
        return "share of the median"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return by_percentile(data, 50, good=axis.good)


class NormaliseTotal(SpectraStep):
    """Divide each spectrum by the sum of its values: the total ion current (TIC) of mass spectra."""

    title: ClassVar[str] = "Normalise by total ion current"
    group: ClassVar[str] = "Normalise"
    source: ClassVar[str] = (
        "Deininger et al. 2011, https://doi.org/10.1007/s00216-011-4929-z, compare it with others"
    )
    normalises: ClassVar[bool] = True
    kind: Literal["normalise_total"] = "normalise_total"

    def line(self, axis: Axis) -> str:
        return "normalised by the total"

    def unit_after(self, unit: str | None) -> str | None:
        return "share of the total"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return by_total(data, good=axis.good)


class NormalisePeak(SpectraStep):
    """Divide each spectrum by the height of a peak, such as an internal standard."""

    title: ClassVar[str] = "Normalise by a peak"
    group: ClassVar[str] = "Normalise"
    normalises: ClassVar[bool] = True
    kind: Literal["normalise_peak"] = "normalise_peak"
    position: float = 0.0
    """Position of the peak, in the unit of the axis: its height is the greatest value nearby."""
    tolerance: Annotated[float, Ge(0)] = 10.0
    """How far from the position the peak may lie, in the unit of the axis."""

    def line(self, axis: Axis) -> str:
        return f"normalised by the peak at {self.position:g} ± {self.tolerance:g}"

    def unit_after(self, unit: str | None) -> str | None:
        return "share of the peak"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return by_maximum(data, good=self._bands(axis))

    def _bands(self, axis: Axis) -> GoodBands:
        """Return which good bands the peak may lie at; of others the cube has no peak."""
        away = np.abs(spectral(axis, "a peak").centres - self.position)
        near = np.asarray((away <= self.tolerance) & axis.good)
        if not near.any():
            raise ValueError(
                f"no good band lies within {self.tolerance:g} of {self.position:g}; the cube has "
                f"{axis}: choose a position within it"
            )
        return near
