"""Steps that change the scale of intensities: noise that grows with them becomes even."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt

from ...axis import Axis
from ..arrays import Float32, Intensities
from .base import SpectraStep


class Anscombe(SpectraStep):
    """Take a root of intensities, by which the noise of photons has the same size everywhere."""

    title: ClassVar[str] = "Anscombe transform"
    group: ClassVar[str] = "Scale"
    source: ClassVar[str] = "Anscombe 1948, https://doi.org/10.1093/biomet/35.3-4.246"
    kind: Literal["anscombe"] = "anscombe"
    gain: Annotated[float, Gt(0)] = 1.0
    """Intensity of one photon: 1 where intensities are counts of photons."""

    def line(self, axis: Axis) -> str:
        return f"Anscombe transform (gain {self.gain:g})"

    def unit_after(self, unit: str | None) -> str | None:
        return "standard deviations of the noise"

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        photons = np.asarray(data, np.float64) / self.gain
        root = 2 * np.sqrt(np.maximum(photons + 3 / 8, 0))
        return _measured(root, data)


class Logarithm(SpectraStep):
    """Take the logarithm of intensities: weak and strong peaks are seen at the same time."""

    title: ClassVar[str] = "Logarithm"
    group: ClassVar[str] = "Scale"
    kind: Literal["logarithm"] = "logarithm"
    offset: Annotated[float, Gt(0)] = 1.0
    """Added to intensities before; intensities below 0 count as 0."""
    base: Annotated[float, Ge(2)] = 10.0
    """Base of the logarithm."""

    def line(self, axis: Axis) -> str:
        return f"took the logarithm to the base {self.base:g} (offset {self.offset:g})"

    def unit_after(self, unit: str | None) -> str | None:
        return f"log {unit}" if unit else None

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        positive = np.maximum(np.asarray(data, np.float64), 0)
        return _measured(np.log(positive + self.offset) / np.log(self.base), data)


def _measured(values: Intensities, data: Intensities) -> Float32:
    """Return values, (…, band, y, x), where the data are numbers; NaN elsewhere."""
    result: Float32 = np.where(np.isfinite(data), values, np.nan).astype(np.float32)
    return result
