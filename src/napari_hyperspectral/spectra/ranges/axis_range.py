"""A range of a spectral axis: its bands, and the values at its two ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...axis import SpectralAxis
from ..arrays import Array, Indices, Intensities


@dataclass(frozen=True, eq=False)
class AxisRange:
    """A range of an axis as points: its ends, and the centres of the good bands between them.

    An end that lies between two bands is interpolated linearly from them, so that a range that grows
    evenly has an area that grows evenly. Mass spectra are not interpolated: between their peaks
    there is nothing, and so their points are the bands in the range.
    """

    points: Array
    """Places on the axis, in its unit, increasing, shape (point,)."""
    bands: Indices
    """Bands of the cube that are used, in the order of their centres, shape (band,)."""
    weights: Array
    """Share of each band in each point, shape (point, band)."""
    clipped: bool
    """Whether the range went beyond the axis, and ends where that does."""
    of_peaks: bool = False
    """Whether the points are peaks, each of which stands for itself, as in a mass spectrum."""

    @property
    def covered(self) -> Array:
        """How much of the range each point stands for, (point,): their sum with these is the area.

        By the trapezoidal rule; 1 for each peak.
        """
        if self.of_peaks or self.points[-1] == self.points[0]:
            return np.ones(len(self.points))
        half_steps = np.diff(self.points) / 2
        covered: Array = np.append(half_steps, 0) + np.append(0, half_steps)
        return covered

    @property
    def file_bands(self) -> slice:
        """The consecutive bands of a file that hold those of the range."""
        return slice(int(self.bands.min()), int(self.bands.max()) + 1)

    def values(self, data: Intensities) -> Array:
        """Return intensities at the points, shape (…, point, y, x).

        Parameters
        ----------
        data : ndarray, shape (…, band, y, x)
            The bands `file_bands`.

        Returns
        -------
        ndarray of float64
            NaN at all points of a spectrum in which a band of the range is missing.
        """
        used = data[..., self.bands - self.file_bands.start, :, :].astype(np.float64)
        used[~np.isfinite(used)] = np.nan
        bands_last = np.moveaxis(used, -3, -1)
        return np.moveaxis(bands_last @ self.weights.T, -1, -3)


def range_of(axis: SpectralAxis, low: float, high: float) -> AxisRange:
    """Return a range of an axis in any order, uniform or not; bad bands are left out.

    Parameters
    ----------
    axis : SpectralAxis
        Where its centres repeat or overlap, bands are taken in the order of their centres.
    low, high : float
        Ends of the range, in the unit of the axis, in either order.

    Raises
    ------
    ValueError
        If the range holds nothing of the axis.
    """
    low, high = min(low, high), max(low, high)
    good = np.flatnonzero(axis.good)
    bands = good[np.argsort(axis.centres[good], kind="stable")]
    centres = axis.centres[bands]
    if not len(centres) or high < centres[0] or low > centres[-1]:
        raise ValueError(
            f"no good band lies between {low:g} and {high:g}; the axis has {axis}: choose a range "
            "within it"
        )
    inside = np.flatnonzero((centres >= low) & (centres <= high))
    clipped = bool(low < centres[0] or high > centres[-1])
    if axis.kind == "mz":
        if not len(inside):
            raise ValueError(f"no peak lies between m/z {low:g} and {high:g}; choose a wider range")
        return AxisRange(centres[inside], bands[inside], np.eye(len(inside)), clipped, True)

    ends = np.clip([low, high], centres[0], centres[-1])
    points = _with_ends(centres[inside], ends)
    first = max(int(np.searchsorted(centres, ends[0], "right")) - 1, 0)
    last = min(int(np.searchsorted(centres, ends[1], "left")), len(centres) - 1)
    if len(inside):
        first = min(first, int(inside[0]))
        last = max(last, int(inside[-1]))
    near = slice(first, last + 1)
    weights = _interpolation(centres[near], points, centres[inside])
    used = weights.any(axis=0)
    return AxisRange(points, bands[near][used], weights[:, used], clipped)


def _with_ends(centres: Array, ends: Array) -> Array:
    """Return centres, (band,), between the ends of a range, and these where no band lies there."""
    if not len(centres):
        return np.unique(ends)
    below = ends[:1][ends[:1] < centres[0]]
    above = ends[1:][ends[1:] > centres[-1]]
    return np.concatenate([below, centres, above])


def _interpolation(centres: Array, points: Array, inside: Array) -> Array:
    """Return the share of each band in each point, (point, band), by linear interpolation.

    Parameters
    ----------
    centres : ndarray, shape (band,)
        Of all bands that are near, increasing; some may be equal.
    points : ndarray, shape (point,)
        Increasing.
    inside : ndarray
        Those centres that are points themselves, equal ones included.
    """
    weights = np.zeros((len(points), len(centres)))
    own_bands = np.flatnonzero(np.isin(centres, inside))
    own_points = np.flatnonzero(np.isin(points, inside))
    weights[own_points, own_bands] = 1
    for point in np.flatnonzero(~np.isin(points, inside)):
        right = int(np.searchsorted(centres, points[point], "right"))
        left = right - 1
        share = (points[point] - centres[left]) / (centres[right] - centres[left])
        weights[point, left] = 1 - share
        weights[point, right] = share
    return weights
