"""An image on the pixels of another: interpolated between them, averaged where those are larger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..cube import Cube, Image, Labels
from .grid import Array, Grid, directions_of, grid_of, name_of, place_in_words, unit_factor

ImageT = TypeVar("ImageT", Cube, Labels, Image)

_MOST_SAMPLES: Final = 8
"""Points along each side of a large pixel that it is averaged over, at most."""
_MOST_VOTES: Final = 4
"""The same for labels, of which the most frequent is taken."""
_KNOWN: Final = 0.5
"""A pixel of which less than this part was measured is missing."""
_BLOCK: Final = 2**22
"""Points that are looked up at a time."""
_ROUNDING: Final = 1e-6


class UnknownPlaceError(ValueError):
    """An image cannot be brought onto another, as it is not stated where one of them lies."""

    def __init__(self, one: Image, other: Image) -> None:
        super().__init__(
            f"{name_of(one)} and {name_of(other)} state their places differently: "
            f"{place_in_words(one)}, against {place_in_words(other)}; give both a pixel size in a "
            "unit of length, or register one onto the other by landmarks or correlation"
        )


def resample_onto(image: ImageT, onto: Image) -> ImageT:
    """Return an image on the pixels of another: its rows and columns, pixel size, origin, transform.

    Both lie where they say; where neither has a unit, positions count pixels. Intensities
    are interpolated linearly, and averaged where the new pixels are larger; of classes the nearest
    is taken, or the most frequent. What lies outside, or less than half measured, is NaN; 0 in labels.

    Parameters
    ----------
    image : Cube or Labels
        What is resampled, (…, y, x).
    onto : Cube or Labels
        On whose pixels; of its values nothing is read.

    Returns
    -------
    Cube or Labels
        Shape (…, y, x) with the rows and columns of `onto`; intensities as float32, in their unit.

    Raises
    ------
    UnknownPlaceError
        If only one of them has a unit, or units cannot be converted.
    ValueError
        If they do not overlap, or a stack is tilted against the planes.
    """
    grid = grid_of(image).scaled(directions_of(image, onto))
    target = _grid_in_unit_of(image, onto)
    if not _inside(grid, _corner_and_middle_pixels(grid, target)).any():
        raise ValueError(
            f"{name_of(image)} and {name_of(onto)} do not overlap: {place_in_words(image)}, against "
            f"{place_in_words(onto)}; correct their places, or register them"
        )
    if isinstance(image, Labels):
        data: NDArray[Any] = _resampled_labels(image.numpy(), grid, target)
        data = data.astype(np.asarray(image.data).dtype, copy=False)
    else:
        data = _resampled_intensities(image.numpy(), grid, target)
    changes: dict[str, Any] = {
        "data": data,
        "pixel_size": onto.pixel_size,
        "origin": onto.origin,
        "pixel_unit": onto.pixel_unit,
        "transform": onto.transform,
        "shown": onto.shown,
    }
    if isinstance(image, Cube):
        changes["georeference"] = onto.georeference if isinstance(onto, Cube) else None
    return image.after(f"resampled onto the pixels of {name_of(onto)}", **changes)


def same_unit(image: Image, onto: Image) -> bool:
    """Whether places of two images are numbers of one system: units convert, or both count pixels."""
    return unit_factor(onto.pixel_unit, image.pixel_unit) is not None


def _grid_in_unit_of(image: Image, onto: Image) -> Grid:
    """Return the grid of another image in the unit of the first."""
    factor = unit_factor(onto.pixel_unit, image.pixel_unit)
    if factor is None:
        raise UnknownPlaceError(image, onto)
    for each in (image, onto):
        _check_upright_planes(each)
    return grid_of(onto).scaled(factor * np.asarray(directions_of(onto, image)))


def _check_upright_planes(image: Image) -> None:
    """Refuse a stack that is tilted out of its planes: rows and columns alone are resampled."""
    if image.z is None or image.transform is None:
        return
    over_space = image.transform.over(3)
    if over_space is None:
        return
    mixed = [*over_space.linear[0, 1:], *over_space.linear[1:, 0]]
    if np.abs(mixed).max() > _ROUNDING:
        raise ValueError(
            f"{name_of(image)} is a stack that is turned out of its planes; only rows and columns "
            "can be resampled: turn it within its planes"
        )


def _corner_and_middle_pixels(grid: Grid, target: Grid) -> Array:
    """Return some pixels of the first grid, (point, 2), where the corners of either one lie."""
    of_target = target.positions(_spread(target))
    of_grid = grid.positions(_spread(grid))
    both_ways = [grid.pixels(of_target), _spread(grid)[_inside(target, target.pixels(of_grid))]]
    return np.concatenate(both_ways)


def _spread(grid: Grid) -> Array:
    """Return pixel indices all over a grid, (point, 2)."""
    down, right = (np.linspace(0, size - 1, 9) for size in grid.shape)
    return _pairs(down, right)


def _pairs(rows: Array, columns: Array) -> Array:
    """Return each row with each column, (pair, 2), row by row."""
    pairs = np.meshgrid(rows, columns, indexing="ij")
    return np.stack(pairs, axis=-1).reshape(-1, 2)


class _Points(NamedTuple):
    """Points of some rows of the target, (pixel, sample, 2), in pixels of the image."""

    rows: slice
    pixels: Array


def _points(grid: Grid, target: Grid, most: int) -> Iterator[_Points]:
    """Yield where the pixels of the target lie, several points in each that is larger."""
    rows, columns = target.shape
    steps = np.linalg.norm(np.linalg.solve(grid.matrix, target.matrix), axis=0)
    down, right = (min(most, max(1, math.ceil(step - _ROUNDING))) for step in steps)
    offsets = _pairs(_inner(down), _inner(right))  # (sample, 2)
    at_once = max(1, _BLOCK // (columns * len(offsets)))
    for first in range(0, rows, at_once):
        block = slice(first, min(first + at_once, rows))
        row = np.arange(block.start, block.stop, dtype=float)
        index = _pairs(row, np.arange(columns, dtype=float))  # (pixel, 2)
        positions = target.positions(index[:, None] + offsets)
        yield _Points(block, grid.pixels(positions))


def _inner(count: int) -> Array:
    """Return offsets from the centre of a pixel, evenly over it."""
    return (np.arange(count) + 0.5) / count - 0.5


def _inside(grid: Grid, pixels: Array) -> NDArray[np.bool_]:
    """Whether points, (…, 2), lie on a pixel of a grid, to its edge."""
    last = np.asarray(grid.shape) - 0.5
    above = np.asarray(pixels >= -0.5 - _ROUNDING)
    below = np.asarray(pixels <= last + _ROUNDING)
    return np.asarray((above & below).all(axis=-1))


def _resampled_intensities(
    image: NDArray[np.float32], grid: Grid, target: Grid
) -> NDArray[np.float32]:
    """Return intensities, (…, y, x), on the target."""
    flat = image.reshape(-1, grid.shape[0] * grid.shape[1])  # (plane, pixel)
    known = np.isfinite(flat)
    complete = bool(known.all())
    filled = flat if complete else np.where(known, flat, np.float32(0))
    result = np.full((len(flat), *target.shape), np.nan, np.float32)
    for points in _points(grid, target, _MOST_SAMPLES):
        weights = _weights(grid, points.pixels)  # (new pixel, pixel)
        sums = weights @ filled.T.astype(np.float64)
        if complete:
            measured = np.asarray(weights.sum(axis=1))[:, None]
        else:
            measured = weights @ known.T.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(measured >= _KNOWN - _ROUNDING, sums / measured, np.nan)
        rows = result[:, points.rows]
        rows[...] = means.T.reshape(rows.shape)
    return result.reshape(*image.shape[:-2], *target.shape)


def _weights(grid: Grid, pixels: Array) -> csr_array:
    """Return the weight of each pixel in each new one; less than 1 in all where points lie outside.

    Parameters
    ----------
    grid : Grid
        Of the image.
    pixels : ndarray, shape (new pixel, sample, 2)
        Points of each new pixel.
    """
    count, samples, _ = pixels.shape
    inside = _inside(grid, pixels)
    last = np.asarray(grid.shape) - 1
    clipped = pixels.clip(0, last)
    low = np.floor(clipped + _ROUNDING).astype(np.intp).clip(0, last)
    part = (clipped - low).clip(0, 1)
    part[part < _ROUNDING] = 0.0
    size = (count, grid.shape[0] * grid.shape[1])
    new_pixel = np.repeat(np.arange(count), samples)
    corners = []
    for corner in product((0, 1), repeat=2):
        row, column = np.moveaxis(np.minimum(low + corner, last), -1, 0)
        of_axes = np.where(corner, part, 1 - part)  # (new pixel, sample, 2)
        weight = np.where(inside, of_axes.prod(axis=-1) / samples, 0.0).ravel()
        used = weight > 0  # a missing neighbour without weight takes nothing away
        pixel = (row * grid.shape[1] + column).ravel()
        corners.append(csr_array((weight[used], (new_pixel[used], pixel[used])), shape=size))
    total: csr_array = sum(corners[1:], start=corners[0])
    return total


def _resampled_labels(image: NDArray[np.int64], grid: Grid, target: Grid) -> NDArray[np.int64]:
    """Return classes, (…, y, x), on the target."""
    flat = image.reshape(-1, grid.shape[0] * grid.shape[1])
    result = np.zeros((len(flat), *target.shape), np.int64)
    last = np.asarray(grid.shape) - 1
    for points in _points(grid, target, _MOST_VOTES):
        nearest = np.rint(points.pixels).astype(np.intp).clip(0, last)
        pixel = nearest[..., 0] * grid.shape[1] + nearest[..., 1]  # (new pixel, sample)
        votes = np.where(_inside(grid, points.pixels), flat[:, pixel], 0)
        rows = result[:, points.rows]
        rows[...] = _most_frequent(votes).reshape(rows.shape)
    return result.reshape(*image.shape[:-2], *target.shape)


def _most_frequent(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the most frequent of numbers, (…, sample), the first of those that are equally so."""
    counts = [(votes == votes[..., n, None]).sum(axis=-1) for n in range(votes.shape[-1])]
    best = np.argmax(np.stack(counts, axis=-1), axis=-1)
    frequent: NDArray[np.int64] = np.take_along_axis(votes, best[..., None], axis=-1)[..., 0]
    return frequent


def with_place_of(image: ImageT, onto: Image) -> ImageT:
    """Return an image that is stated to lie where another lies, pixel on pixel."""
    return replace(
        image,
        pixel_size=onto.pixel_size,
        origin=onto.origin,
        pixel_unit=onto.pixel_unit,
        transform=onto.transform,
    )
