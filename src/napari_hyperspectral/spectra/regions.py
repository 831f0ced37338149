"""The spectra of pixels and regions of an array that may be too large to load."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..progress import Job, Progress, run
from .arrays import Array, Mask

_MOST_PIXELS: Final = 2**16
"""Pixels that a mean is taken over, at most: larger regions are sampled on a regular grid."""
_SLAB: Final = 2**22
"""Values that are loaded at a time."""


class RegionSpectra(NamedTuple):
    """Mean and standard deviation over a region, shape (band,), in the unit of the data.

    Missing values (NaN) are left out.
    """

    mean: Array
    sd: Array
    pixels: int
    """Number of pixels they were taken over."""


def pixel_spectrum(data: Any, y: int, x: int, at: tuple[int, ...] = ()) -> Array:
    """Return the spectrum of a pixel, shape (band,), in the unit of the data; only that is read.

    Parameters
    ----------
    data : array, shape (…, band, y, x)
        May be lazy.
    y, x : int
        Row and column of the pixel.
    at : tuple of int
        Index along each leading axis.
    """
    return np.asarray(data[(*at, slice(None), y, x)], dtype=np.float64)


def region_spectra(data: Any, mask: Mask, at: tuple[int, ...] = ()) -> RegionSpectra | None:
    """Return the mean spectrum of a region, or None where the mask is empty.

    Large regions are sampled on a regular grid of pixels; see `region_spectra_steps`.
    """
    return run(region_spectra_steps(data, mask, at))


def region_spectra_steps(
    data: Any, mask: Mask, at: tuple[int, ...] = (), *, most_pixels: int = _MOST_PIXELS
) -> Job[RegionSpectra | None]:
    """Yield progress; return the mean spectrum of a region, or None where the mask is empty.

    Data are read in slabs of bands.

    Parameters
    ----------
    data : array, shape (…, band, y, x)
        May be lazy.
    mask : ndarray of bool, shape (y, x)
        True in the region.
    at : tuple of int
        Index along each leading axis.
    most_pixels : int
        Regions of more pixels are sampled on a regular grid of about so many.
    """
    if not mask.any():
        return None
    box = _sampled_box(mask, most_pixels)
    inside = mask[box]
    bands = int(data.shape[-3])
    means = np.empty(bands)
    deviations = np.empty(bands)
    bands_at_a_time = max(1, _SLAB // inside.size)
    for first in range(0, bands, bands_at_a_time):
        slab = slice(first, first + bands_at_a_time)
        values = np.asarray(data[(*at, slab, *box)], np.float64)[:, inside]  # (band, pixel)
        means[slab], deviations[slab] = _mean_and_sd(values)
        yield Progress(min(first + bands_at_a_time, bands), bands)
    return RegionSpectra(means, deviations, int(inside.sum()))


def polygon_mask(corners: ArrayLike, shape: tuple[int, int]) -> Mask:
    """Return the pixels whose centres lie inside a polygon.

    Parameters
    ----------
    corners : array, shape (corner, 2)
        Rows and columns (y, x) of the corners, in pixels, in order along the outline.
    shape : (int, int)
        Rows and columns of the image.

    Returns
    -------
    ndarray of bool, shape (y, x)
    """
    mask = np.zeros(shape, bool)
    outline = np.asarray(corners, dtype=np.float64)
    columns = np.arange(shape[1])
    for (y, x), (next_y, next_x) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        top = min(max(math.ceil(min(y, next_y)), 0), shape[0])
        bottom = min(max(math.ceil(max(y, next_y)), 0), shape[0])
        if top == bottom:  # the edge crosses no row
            continue
        # even-odd rule: in the rows that an edge crosses, pixels left of it change sides
        slope = (next_x - x) / (next_y - y)
        crossing = x + (np.arange(top, bottom) - y) * slope
        mask[top:bottom] ^= columns < crossing[:, None]
    return mask


def ellipse_outline(box: ArrayLike, corners: int = 72) -> Array:
    """Return the ellipse in a rectangle as a polygon, shape (corner, 2), in the unit of `box`.

    Parameters
    ----------
    box : array, shape (4, 2)
        Corners (y, x) of the rectangle, in order along its outline.
    corners : int
        Of the polygon.
    """
    first, second, third, fourth = np.asarray(box, dtype=np.float64)
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)[:, None]
    centre = (first + third) / 2
    width = (second - first) / 2
    height = (fourth - first) / 2
    outline: Array = centre + np.cos(angles) * width + np.sin(angles) * height
    return outline


def moved_mask(mask: Mask, matrix: Array, offset: Array, shape: tuple[int, int]) -> Mask:
    """Return a mask on another grid of pixels, by the nearest pixel of `mask`.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        The mask on its own grid.
    matrix, offset : ndarray, shapes (2, 2) and (2,)
        Pixel p, (y, x), of the other grid lies at ``matrix @ p + offset`` of the mask's own.
    shape : (int, int)
        Rows and columns of the other grid.

    Returns
    -------
    ndarray of bool, shape `shape`
    """
    moved = np.zeros(shape, bool)
    columns = np.arange(shape[1])
    rows_at_a_time = max(1, _SLAB // 8 // shape[1])
    for first in range(0, shape[0], rows_at_a_time):
        rows = np.arange(first, min(first + rows_at_a_time, shape[0]))
        grid = np.stack(np.meshgrid(rows, columns, indexing="ij")).reshape(
            2, -1
        )  # (y and x, pixel)
        y, x = np.rint(matrix @ grid + offset[:, None]).astype(np.intp)
        within = (y >= 0) & (x >= 0) & (y < mask.shape[0]) & (x < mask.shape[1])
        nearest = mask[y * within, x * within]  # outside: pixel (0, 0), which does not count
        moved[rows] = (within & nearest).reshape(len(rows), -1)
    return moved


def _sampled_box(mask: Mask, most_pixels: int) -> tuple[slice, slice]:
    """Return the rows and columns of a region, with steps where it is large."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    step = max(1, math.isqrt(int(mask.sum()) // most_pixels))
    box = (slice(rows[0], rows[-1] + 1, step), slice(columns[0], columns[-1] + 1, step))
    if mask[box].any():
        return box
    y, x = np.argwhere(mask)[0]  # the region is thinner than the grid: one of its pixels
    return slice(y, y + 1), slice(x, x + 1)


def _mean_and_sd(values: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation, each (band,), of the finite values of (band, pixel)."""
    finite = np.isfinite(values)
    count = finite.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, values, 0).sum(axis=1) / count
        squares = np.where(finite, (values - mean[:, None]) ** 2, 0).sum(axis=1) / count
    return mean, np.sqrt(squares)
