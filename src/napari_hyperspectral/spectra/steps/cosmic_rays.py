"""Steps that remove cosmic rays: spikes of a few bands."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt

from ...axis import Axis
from ..arrays import Float32, Intensities
from ..cosmic_rays import spikes_along_spectra, spikes_among_neighbours, without_spikes
from .base import Scope, SpectraStep


class CosmicRays(SpectraStep):
    """Bridge spikes that rise and fall within a few bands by much more than the noise."""

    title: ClassVar[str] = "Remove cosmic rays"
    group: ClassVar[str] = "Cosmic rays"
    source: ClassVar[str] = "Whitaker & Hayes 2018, https://doi.org/10.1016/j.chemolab.2018.06.009"
    kind: Literal["cosmic_rays"] = "cosmic_rays"
    threshold: Annotated[float, Gt(0)] = 8.0
    """How sharply a spike rises and falls, in robust standard deviations of the differences between
    neighbouring bands. Less finds weaker spikes, and the sharpest peaks too."""
    width: Annotated[int, Ge(1)] = 4
    """Number of bands that a spike has at most; broader peaks stay."""
    margin: Annotated[int, Ge(0)] = 1
    """Number of bands on each side of a spike that are replaced too."""

    def line(self, axis: Axis) -> str:
        return f"removed cosmic rays (threshold {self.threshold:g}, up to {self.width} bands)"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        good = axis.good
        spikes = spikes_along_spectra(data, self.threshold, self.width, self.margin, good=good)
        return without_spikes(data, spikes, good=good)


class CosmicRaysAmongNeighbours(SpectraStep):
    """Bridge spikes that neighbouring pixels do not have: sharp peaks of the sample stay."""

    title: ClassVar[str] = "Remove cosmic rays by neighbours"
    group: ClassVar[str] = "Cosmic rays"
    looks_at: ClassVar[Scope] = "neighbourhood"
    source: ClassVar[str] = "Whitaker & Hayes 2018, https://doi.org/10.1016/j.chemolab.2018.06.009"
    kind: Literal["cosmic_rays_among_neighbours"] = "cosmic_rays_among_neighbours"
    threshold: Annotated[float, Gt(0)] = 8.0
    """How sharply a spike rises and falls above the neighbours, in robust standard deviations of the
    differences between neighbouring bands."""
    width: Annotated[int, Ge(1)] = 4
    """Number of bands that a spike has at most."""
    margin: Annotated[int, Ge(0)] = 1
    """Number of bands on each side of a spike that are replaced too."""
    size: Literal[3, 5] = 3
    """Side of the square of neighbours, in pixels."""

    @property
    def radius(self) -> int:
        return self.size // 2

    def line(self, axis: Axis) -> str:
        square = f"{self.size} × {self.size} pixels"
        return f"removed cosmic rays by neighbours (threshold {self.threshold:g}, {square})"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        good = axis.good
        spikes = spikes_among_neighbours(
            data, self.threshold, self.width, self.margin, self.size, good=good
        )
        return without_spikes(data, spikes, good=good)
