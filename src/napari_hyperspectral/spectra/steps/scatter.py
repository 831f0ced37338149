"""Steps that correct for scatter: each spectrum is brought to the offset and scale of the mean."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le

from ...axis import Axis
from ...cube import Cube
from ..arrays import Array, Float32, Intensities
from ..scatter import scatter_corrected
from .base import Fitted, ImageStep, spectral
from .parts import parts_of


class MSC(ImageStep):
    """Subtract an offset from each spectrum and divide it, so that it is most like the mean one."""

    title: ClassVar[str] = "Multiplicative scatter correction (MSC)"
    group: ClassVar[str] = "Normalise"
    source: ClassVar[str] = (
        "Geladi, MacDougall & Martens 1985, https://doi.org/10.1366/0003702854248656"
    )
    kind: Literal["msc"] = "msc"

    def fit(self, cube: Cube) -> Fitted:
        spectral(cube.axis, "MSC")
        corrected = partial(_corrected, reference=_mean_spectrum(cube), order=0)
        return Fitted(corrected, "normalised by msc")


class EMSC(ImageStep):
    """Subtract a polynomial from each spectrum and divide it, so that it is most like the mean one."""

    title: ClassVar[str] = "Extended multiplicative scatter correction (EMSC)"
    group: ClassVar[str] = "Normalise"
    source: ClassVar[str] = "Martens & Stark 1991, https://doi.org/10.1016/0731-7085(91)80188-F"
    kind: Literal["emsc"] = "emsc"
    order: Annotated[int, Ge(1), Le(9)] = 2
    """Degree of the polynomial."""

    def fit(self, cube: Cube) -> Fitted:
        spectral(cube.axis, "EMSC")
        corrected = partial(_corrected, reference=_mean_spectrum(cube), order=self.order)
        return Fitted(corrected, f"normalised by emsc (order {self.order})")


def _corrected(data: Intensities, axis: Axis, *, reference: Array, order: int) -> Float32:
    """Return spectra, (…, band, y, x), brought to a reference, (band,)."""
    centres = spectral(axis, "scatter correction").centres
    good = axis.good & np.isfinite(reference)
    return scatter_corrected(data, centres, reference, order, good=good)


def _mean_spectrum(cube: Cube) -> Array:
    """Return the mean of the measured values of each band, (band,); NaN where there are none."""
    total = np.zeros(cube.shape[-3])
    count = np.zeros(len(total))
    for part in parts_of(cube.data):
        known = np.isfinite(part)
        total += np.where(known, part, 0).sum(axis=(1, 2), dtype=np.float64)
        count += known.sum(axis=(1, 2))
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
