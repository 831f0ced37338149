"""Steps that choose bands: crop, mark or drop bad ones, resample to other centres."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ...axis import Axis, SpectralAxis
from ...cube import Cube
from ..arrays import Float32, Indices, Intensities
from .base import Step


class Crop(Step):
    """Keep the bands between two values of the axis."""

    title: ClassVar[str] = "Crop"
    group: ClassVar[str] = "Bands"
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["crop"] = "crop"
    first: float | None = None
    """Lowest band centre that is kept, in the unit of the axis. Empty: no lower limit."""
    last: float | None = None
    """Highest band centre that is kept, in the unit of the axis. Empty: no upper limit."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        bands = self._bands(cube.axis)
        axis = cube.axis.take(bands)
        return cube.after(f"cropped to {axis}", data=cube.data[..., bands, :, :], axis=axis)

    def on_axis(self, axis: Axis) -> Axis:
        return axis.take(self._bands(axis))

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return np.asarray(data[..., self._bands(axis), :, :], np.float32)

    def _bands(self, axis: Axis) -> slice | Indices:
        """Return which bands are kept."""
        if self.first is None and self.last is None:
            return slice(None)
        if not isinstance(axis, SpectralAxis):
            raise ValueError(
                f"the cube has {axis}, and only a spectrum can be cropped; leave first and last empty"
            )
        first = -np.inf if self.first is None else self.first
        last = np.inf if self.last is None else self.last
        low = min(first, last)
        high = max(first, last)
        inside = (axis.centres >= low) & (axis.centres <= high)
        if not (inside & axis.good).any():
            raise ValueError(
                f"no good band lies between {low:g} and {high:g}; "
                f"the cube has {axis}; crop to a part of that"
            )
        return as_slice(np.flatnonzero(inside))


def as_slice(bands: Indices) -> slice | Indices:
    """Return band numbers as a slice, where they follow each other: lazy data read it faster."""
    start = int(bands[0])
    stop = int(bands[-1]) + 1
    if len(bands) == stop - start:
        return slice(start, stop)
    return bands
