"""Steps that choose bands: crop, mark or drop bad ones, resample to other centres."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from ...axis import Axis, SpectralAxis
from ...cube import Cube
from ..arrays import Float32, Indices, Intensities
from ..resample import resample
from .base import SpectraStep, Step, spectral


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


class MarkBadBands(Step):
    """Mark bands as bad: they stay, and are ignored by all that follows."""

    title: ClassVar[str] = "Mark bad bands"
    group: ClassVar[str] = "Bands"
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["mark_bad_bands"] = "mark_bad_bands"
    first: float = 0.0
    """Lowest band centre that is marked, in the unit of the axis."""
    last: float = 0.0
    """Highest band centre that is marked, in the unit of the axis."""

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        axis = self.on_axis(cube.axis)
        count = int((~axis.good).sum() - (~cube.axis.good).sum())
        return cube.after(
            f"marked {count} bands from {self.first:g} to {self.last:g} as bad", axis=axis
        )

    def on_axis(self, axis: Axis) -> Axis:
        marked = spectral(axis, "a range of bad bands")
        low, high = sorted((self.first, self.last))
        inside = (marked.centres >= low) & (marked.centres <= high)
        bad = inside | ~marked.good
        if bad.all():
            raise ValueError(f"no good band would be left of {axis}; mark fewer")
        return replace(marked, bad=bad)

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return np.asarray(data, np.float32)


class DropBadBands(Step):
    """Remove the bands that are marked as bad."""

    title: ClassVar[str] = "Drop bad bands"
    group: ClassVar[str] = "Bands"
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["drop_bad_bands"] = "drop_bad_bands"

    def on(self, cube: Cube, *, reference: Cube | None = None) -> Cube:
        bands = self._bands(cube.axis)
        axis = cube.axis.take(bands)
        dropped = len(cube.axis) - len(axis)
        data = cube.data[..., bands, :, :]
        return cube.after(f"dropped {dropped} bad bands", data=data, axis=axis)

    def on_axis(self, axis: Axis) -> Axis:
        return axis.take(self._bands(axis))

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        return np.asarray(data[..., self._bands(axis), :, :], np.float32)

    def _bands(self, axis: Axis) -> slice | Indices:
        """Return which bands are kept."""
        if not axis.good.any():
            raise ValueError(f"the cube has {axis}, all of them bad; mark fewer")
        return as_slice(np.flatnonzero(axis.good))


class Resample(SpectraStep):
    """Interpolate spectra to other band centres, evenly spaced or listed."""

    title: ClassVar[str] = "Resample"
    group: ClassVar[str] = "Bands"
    commutes_with_means: ClassVar[bool] = True
    kind: Literal["resample"] = "resample"
    bands: Annotated[int, Ge(1)] = 500
    """Number of bands, evenly spaced from the first to the last."""
    first: float | None = None
    """Centre of the first band, in the unit of the axis. Empty: that of the cube."""
    last: float | None = None
    """Centre of the last band, in the unit of the axis. Empty: that of the cube."""
    centres: tuple[float, ...] = ()
    """Centre of every band, in the unit of the axis, instead of the number of bands and their ends."""

    def line(self, axis: Axis) -> str:
        return f"resampled to {self.on_axis(axis)}"

    def on_axis(self, axis: Axis) -> Axis:
        measured = spectral(axis, "resampling").take(np.flatnonzero(axis.good))
        if len(measured) < 2:
            raise ValueError(f"the cube has {axis}: one good band cannot be interpolated")
        centres = np.array(self.centres, np.float64)
        if not len(centres):
            first = measured.centres[0] if self.first is None else self.first
            last = measured.centres[-1] if self.last is None else self.last
            centres = np.linspace(first, last, self.bands)
        low = measured.centres.min()
        high = measured.centres.max()
        if not np.any((centres >= low) & (centres <= high)):
            raise ValueError(
                f"none of the bands, {centres[0]:g} to {centres[-1]:g}, lies within {axis}; choose a "
                "range within it"
            )
        return replace(measured, centres=centres, widths=None, bad=None)

    def on_spectra(self, data: Intensities, axis: Axis) -> Float32:
        good = np.flatnonzero(axis.good)
        measured = spectral(axis, "resampling").take(good)
        target = spectral(self.on_axis(axis), "resampling")
        return resample(data[..., good, :, :], measured, target)


def as_slice(bands: Indices) -> slice | Indices:
    """Return band numbers as a slice, where they follow each other: lazy data read it faster."""
    start = int(bands[0])
    stop = int(bands[-1]) + 1
    if len(bands) == stop - start:
        return slice(start, stop)
    return bands
