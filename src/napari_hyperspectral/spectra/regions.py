"""The spectra of pixels and regions of an array that may be too large to load."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_MOST_PIXELS: Final = 2**16
"""Pixels that a mean is taken over, at most: of larger regions every second, third, … one."""
_SLAB: Final = 2**22
"""Values that are loaded at a time."""


class RegionSpectra(NamedTuple):
    """Mean and standard deviation over a region, each of shape (band,); NaN is left out."""

    mean: Array
    sd: Array
    pixels: int
    """Number of pixels they were taken over."""


def pixel_spectrum(data: Any, y: int, x: int, at: tuple[int, ...] = ()) -> Array:
    """Return the spectrum of a pixel, shape (band,); only that is read.

    Parameters
    ----------
    data : array, shape (…, band, y, x)
        May be lazy.
    y, x : int
        The pixel.
    at : tuple of int
        Where along the leading axes, one number each.
    """
    return np.asarray(data[(*at, slice(None), y, x)], dtype=np.float64)


def region_spectra(
    data: Any, mask: NDArray[np.bool_], at: tuple[int, ...] = ()
) -> RegionSpectra | None:
    """Return the mean spectrum of the pixels where `mask`, shape (y, x), is true.

    Read in slabs of bands; of large regions a regular grid of pixels is looked at. None where
    the mask is empty. See `pixel_spectrum` for the rest.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    step = max(1, math.isqrt(int(mask.sum()) // _MOST_PIXELS))
    box = (slice(rows[0], rows[-1] + 1, step), slice(columns[0], columns[-1] + 1, step))
    if not mask[box].any():  # thinner than the grid
        y, x = np.argwhere(mask)[0]
        box = (slice(y, y + 1), slice(x, x + 1))
    inside = mask[box]
    bands = int(data.shape[-3])
    thick = max(1, _SLAB // inside.size)
    parts = [
        np.asarray(data[(*at, slice(first, first + thick), *box)], np.float64)[:, inside]
        for first in range(0, bands, thick)
    ]
    found = [_mean_and_sd(part) for part in parts]
    mean, sd = (np.concatenate(each) for each in zip(*found, strict=True))
    return RegionSpectra(mean, sd, int(inside.sum()))


def polygon_mask(corners: ArrayLike, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels have their centre inside a polygon, (corner, (y, x)) in pixels."""
    mask = np.zeros(shape, bool)
    outline = np.asarray(corners, dtype=np.float64)
    columns = np.arange(shape[1])
    for (y, x), (next_y, next_x) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        low, high = (min(max(math.ceil(end), 0), shape[0]) for end in sorted((y, next_y)))
        if low < high:  # rows that this edge crosses: what is left of it changes sides
            slope = (next_x - x) / (next_y - y)
            crossing = x + (np.arange(low, high) - y) * slope
            mask[low:high] ^= columns < crossing[:, None]
    return mask


def ellipse_outline(box: ArrayLike, corners: int = 72) -> Array:
    """Return the ellipse in a box of four corners, shape (4, 2), as a polygon."""
    first, second, third, fourth = np.asarray(box, dtype=np.float64)
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)[:, None]
    across, along = (second - first) / 2, (fourth - first) / 2
    outline: Array = (first + third) / 2 + np.cos(angles) * across + np.sin(angles) * along
    return outline


def moved_mask(
    mask: NDArray[np.bool_], matrix: Array, offset: Array, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return a mask on another grid of pixels: true where the nearest pixel of `mask` is.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        The mask on its own grid.
    matrix, offset : ndarray, shapes (2, 2) and (2,)
        Pixel p of the other grid lies at ``matrix @ p + offset`` of the mask's own.
    shape : (int, int)
        Shape of the other grid.
    """
    moved = np.zeros(shape, bool)
    thick = max(1, _SLAB // 8 // shape[1])
    for first in range(0, shape[0], thick):
        rows = np.arange(first, min(first + thick, shape[0]))
        grid = np.stack(np.meshgrid(rows, np.arange(shape[1]), indexing="ij")).reshape(2, -1)
        y, x = np.rint(matrix @ grid + offset[:, None]).astype(np.intp)
        within = (y >= 0) & (x >= 0) & (y < mask.shape[0]) & (x < mask.shape[1])
        moved[rows] = (within & mask[y * within, x * within]).reshape(len(rows), -1)
    return moved


def _mean_and_sd(values: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation along the pixels, (band, pixel), of finite values."""
    finite = np.isfinite(values)
    count = finite.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, values, 0).sum(axis=1) / count
        squares = np.where(finite, (values - mean[:, None]) ** 2, 0).sum(axis=1) / count
    return mean, np.sqrt(squares)
