"""Maps of a range of the axis: its mean, area, maximum, the place of its peak; ratios of two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from ...axis import ChannelAxis, SpectralAxis
from ...cube import Cube
from ...progress import Job, run
from ...settings import Settings
from ..arrays import Array, Intensities
from .axis_range import AxisRange, range_of
from .blocks import numbers_steps

Measure: TypeAlias = Literal["mean", "area", "maximum", "position", "centroid"]
"""What is taken of a range."""
_FEWEST_POINTS: Final[Mapping[Measure, int]] = {"area": 2, "position": 3, "centroid": 2}
"""Points on the axis that a measure needs, where it needs more than one."""


class RangeMap(Settings):
    """What is mapped of a range of the axis."""

    start: float
    """One end of the range, in the unit of the axis."""
    end: float
    """The other end."""
    measure: Measure = "area"
    """The mean, the area by the trapezoidal rule, the greatest value, the position of the greatest
    value (of a parabola through it and its neighbours), or the centroid."""
    above_line: bool = True
    """Whether only what lies above a straight line between the ends of the range counts. Mass spectra
    have no such line."""

    def takes_line_off(self, axis: SpectralAxis) -> bool:
        """Whether a straight line is taken off spectra of an axis."""
        return self.above_line and axis.kind != "mz"

    def title(self, axis: SpectralAxis) -> str:
        """Return what the map shows, such as "area of 1430–1470 cm⁻¹"."""
        low, high = sorted((self.start, self.end))
        place = f"{low:g}–{high:g}"
        place = f"m/z {place}" if axis.kind == "mz" else f"{place} {axis.symbol}".rstrip()
        return f"{self.measure} of {place}"

    def unit(self, cube: Cube) -> str | None:
        """Return the unit of the map of a cube."""
        if self.measure in ("position", "centroid"):
            return cube.spectral_axis.symbol or None
        if self.measure == "area":
            axis_unit = "" if cube.spectral_axis.kind == "mz" else cube.spectral_axis.symbol
            return f"{cube.intensity_unit or ''} {axis_unit}".strip() or None
        return cube.intensity_unit


def range_map(cube: Cube, settings: RangeMap) -> Cube:
    """Return the map of a range of the axis; see `range_map_steps`."""
    return run(range_map_steps(cube, settings))


def range_map_steps(cube: Cube, settings: RangeMap) -> Job[Cube]:
    """Yield progress; return the map of a range of the axis.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x), with a spectral axis in any order. May be lazy: only the bands of the
        range are read, some rows at a time.
    settings : RangeMap
        The range, and what is taken of it.

    Returns
    -------
    Cube
        Shape (…, 1, y, x); positions in the unit of the axis, areas in intensity times that unit.
        NaN where a band of the range is missing, and for positions where nothing rises above 0 (or
        the line). Ends beyond the axis are moved to its ends, which the history says.

    Raises
    ------
    ValueError
        If there are too few good bands in the range.
    """
    measured = _checked(cube, settings)
    bands = measured.span.file_bands
    data = yield from numbers_steps(cube.data, bands, measured.numbers, 1, "mapping the range")
    title = settings.title(cube.spectral_axis)
    line = " above a straight line" if measured.takes_line_off else ""
    return cube.after(
        f"took the {title}{line}{measured.clipping}",
        data=data,
        axis=ChannelAxis((title,)),
        intensity_unit=settings.unit(cube),
        name=_name(cube, title, "above a line" if measured.takes_line_off else ""),
    )


def ratio_map(cube: Cube, numerator: RangeMap, denominator: RangeMap) -> Cube:
    """Return the ratio of the maps of two ranges; see `ratio_map_steps`."""
    return run(ratio_map_steps(cube, numerator, denominator))


def ratio_map_steps(cube: Cube, numerator: RangeMap, denominator: RangeMap) -> Job[Cube]:
    """Yield progress; return the ratio of the maps of two ranges of the axis.

    Returns
    -------
    Cube
        Shape (…, 1, y, x). NaN where the denominator is not above 0: there, a ratio of intensities
        says nothing.

    Raises
    ------
    ValueError
        As `range_map_steps`.
    """
    _checked(cube, denominator)  # refused before the other one is read
    upper = yield from range_map_steps(cube, numerator)
    lower = yield from range_map_steps(cube, denominator)
    ratio = np.divide(
        upper.data,
        lower.data,
        out=np.full_like(upper.data, np.nan),
        where=np.greater(lower.data, 0),
    )
    axis = cube.spectral_axis
    title = f"{numerator.title(axis)} / {denominator.title(axis)}"
    steps = (*upper.history[len(cube.history) :], *lower.history[len(cube.history) :])
    unit = None
    if upper.intensity_unit != lower.intensity_unit:
        unit = f"{upper.intensity_unit or '1'} / {lower.intensity_unit or '1'}"
    return cube.after(
        f"divided two maps: {'; '.join(steps)}",
        data=ratio,
        axis=ChannelAxis((title,)),
        intensity_unit=unit,
        name=_name(cube, title),
    )


class _Measured(NamedTuple):
    """Takes a measure of a range of some bands."""

    span: AxisRange
    measure: Measure
    takes_line_off: bool

    @property
    def clipping(self) -> str:
        """What the history says of a range that went beyond the axis."""
        if not self.span.clipped:
            return ""
        low, high = self.span.points[[0, -1]]
        return f" (the axis ends there: {low:g}–{high:g})"

    def numbers(self, data: Intensities) -> Array:
        """Return the measure of some bands, (band, y, x), as (1, y, x)."""
        values = self.span.values(data)  # (point, y, x)
        if self.takes_line_off:
            values = values - _line(self.span.points, values)
        measured = _MEASURES[self.measure](self.span, values)
        return measured[None]


def _checked(cube: Cube, settings: RangeMap) -> _Measured:
    """Return what measures a cube.

    Raises
    ------
    ValueError
        If there are too few points.
    """
    span = range_of(cube.spectral_axis, settings.start, settings.end)
    needed = _FEWEST_POINTS.get(settings.measure, 1)
    takes_line_off = settings.takes_line_off(cube.spectral_axis)
    if takes_line_off:
        needed = max(needed, 3)  # two points are the line
    if span.of_peaks and settings.measure != "position":
        needed = 1
    if len(span.points) < needed:
        raise ValueError(
            f"between {settings.start:g} and {settings.end:g} lie too few good bands "
            f"({len(span.points)}); the {settings.measure} needs {needed} at least: choose a wider "
            "range"
        )
    return _Measured(span, settings.measure, takes_line_off)


def _line(points: Array, values: Array) -> Array:
    """Return the straight line between the first and last of values, (point, y, x)."""
    share = ((points - points[0]) / (points[-1] - points[0]))[:, None, None]
    line: Array = values[0] * (1 - share) + values[-1] * share
    return line


def _mean(span: AxisRange, values: Array) -> Array:
    """Return the mean of values, (point, y, x), each counted as much as it covers of the range."""
    mean: Array = _area(span, values) / span.covered.sum()
    return mean


def _area(span: AxisRange, values: Array) -> Array:
    """Return the area under values, (point, y, x)."""
    area: Array = np.tensordot(span.covered, values, 1)
    return area


def _maximum(span: AxisRange, values: Array) -> Array:
    greatest: Array = values.max(axis=0)
    return greatest


def _position(span: AxisRange, values: Array) -> Array:
    """Return where a parabola through the greatest of values, (point, y, x), has its maximum."""
    points = span.points
    known = np.isfinite(values).all(axis=0)
    top = np.where(known, values, -1.0).argmax(axis=0)  # (y, x)
    middle = np.clip(top, 1, len(points) - 2)
    left, centre, right = points[middle - 1], points[middle], points[middle + 1]
    low, high, beyond = (_at(values, middle + step) for step in (-1, 0, 1))
    # the slope of a parabola is a line: known at the middle of both sides, 0 at its maximum
    rise = (high - low) / (centre - left)
    fall = (beyond - high) / (right - centre)
    vertex = (left + centre) / 2 + rise * (right - left) / 2 / (rise - fall)
    # a maximum at an end of the range has one side only
    is_peak = (rise > fall) & (top == middle)
    place = np.where(is_peak, np.clip(vertex, left, right), points[top])
    return np.where(known & (_at(values, top) > 0), place, np.nan)


def _centroid(span: AxisRange, values: Array) -> Array:
    """Return the mean place of values above 0, (point, y, x), each counted by its value."""
    above = np.where(values < 0, 0, values)  # NaN stays NaN
    centroid: Array = _area(span, above * span.points[:, None, None]) / _area(span, above)
    return centroid


_MEASURES: Final[Mapping[Measure, Callable[[AxisRange, Array], Array]]] = {
    "mean": _mean,
    "area": _area,
    "maximum": _maximum,
    "position": _position,
    "centroid": _centroid,
}


def _at(values: Array, point: Intensities) -> Array:
    """Return of values, (point, y, x), those at one point for each pixel, (y, x)."""
    taken: Array = np.take_along_axis(values, point[None], axis=0)[0]
    return taken


def _name(cube: Cube, title: str, how: str = "") -> str:
    """Return the name of a map: source · what (how)."""
    name = f"{cube.name} · {title}" if cube.name else title
    return f"{name} ({how})" if how else name
