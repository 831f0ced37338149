"""Maps of a spectrum's parts: the image of one band or of three, and the area of a peak."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..cube import Cube
from .ranges.colours import rgb_of_ranges
from .ranges.range_map import RangeMap, range_map


def band_map(cube: Cube, at: float) -> Cube:
    """Return the image of the band whose centre is nearest to `at`, in the unit of the axis.

    Returns
    -------
    Cube
        Shape (…, 1, y, x), in the intensity unit of the cube.

    Raises
    ------
    ValueError
        If `at` lies beyond the ends of the axis by more than a band.
    """
    axis = cube.spectral_axis
    steps = np.diff(np.sort(axis.centres))
    margin = float(steps.max()) if len(steps) else 0.5
    if not axis.centres.min() - margin <= at <= axis.centres.max() + margin:
        raise ValueError(
            f"no band lies at {at:g}; the axis has {axis}: choose a value in its range"
        )
    band = axis.nearest(at)
    place = f"{axis.centres[band]:g} {axis.symbol}".strip()
    if axis.kind == "mz":
        place = f"m/z {axis.centres[band]:g}"
    name = f"{cube.name} at {place}".strip()
    history = (*cube.history, f"took {axis.label(band)}")
    return replace(cube.take([band]), history=history, name=name)


def area_map(cube: Cube, low: float, high: float, *, baseline: bool = True) -> Cube:
    """Return the area under the spectrum in a range of the axis, by the trapezoidal rule.

    Parameters
    ----------
    cube : Cube
        Shape (…, band, y, x), with a spectral axis, in any order.
    low, high : float
        The range, in the unit of the axis. Ends between two bands are interpolated.
    baseline : bool
        Whether only the area above a straight line between the ends of the range counts.

    Returns
    -------
    Cube
        Shape (…, 1, y, x), in intensity times the unit of the axis; NaN where a band is missing.

    Raises
    ------
    ValueError
        If fewer than two good bands lie in the range (three, with a baseline).
    """
    return range_map(cube, RangeMap(start=low, end=high, above_line=baseline))


def rgb_map(cube: Cube, red: float, green: float, blue: float) -> Cube:
    """Return the bands nearest to three positions as red, green and blue; see `rgb_of_ranges`.

    Raises
    ------
    ValueError
        If a position lies beyond the ends of the axis by more than a band.
    """
    bands = []
    for position in (red, green, blue):
        (centre,) = band_map(cube, position).spectral_axis.centres.tolist()
        bands.append(RangeMap(start=centre, end=centre, measure="mean", above_line=False))
    return rgb_of_ranges(cube, bands)
