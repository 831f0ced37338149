"""Spectra that come with positions, sorted onto a map."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...cube import Cube

_SAME: Final = 0.3
"""Positions closer than this part of the usual step are one."""
_JITTER: Final = 1e-3
"""Steps smaller than this part of the full range are no steps."""
_EVEN: Final = 0.05
"""Relative deviation of a step from their mean, up to which a grid is even."""
_MEASURED: Final = 0.5
"""At least this part of a map must have been measured for it to be one."""


class Map(NamedTuple):
    """Spectra on a grid."""

    data: NDArray[Any]
    """Shape (band, y, x); NaN where nothing was measured."""
    pixel_size: tuple[float, float]
    """Height and width of a pixel, in the unit of the positions: negative where rows, or columns,
    go backwards; 1 along an axis of one pixel."""
    origin: tuple[float, float]
    """Position (y, x) of the first pixel."""


def map_from_positions(spectra: NDArray[Any], y: ArrayLike, x: ArrayLike) -> Map | None:
    """Return spectra on the grid of their positions; None where those are on none.

    Rows and columns come in the order in which they were measured. What is not measured is NaN.

    Parameters
    ----------
    spectra : ndarray, shape (spectrum, band)
        In any unit of intensity.
    y, x : array_like of float, shape (spectrum,)
        Position of each spectrum, both in the same unit.
    """
    rows = _GridLines(np.asarray(y, np.float64))
    columns = _GridLines(np.asarray(x, np.float64))
    shape = (len(rows.positions), len(columns.positions))
    size = shape[0] * shape[1]
    pixels = rows.index * shape[1] + columns.index  # (spectrum,): number of its pixel
    measured_twice = len(np.unique(pixels)) < len(pixels)
    if len(spectra) < _MEASURED * size or measured_twice:
        return None
    if not (rows.even and columns.even):
        return None
    dtype = spectra.dtype
    if len(spectra) < size and dtype.kind != "f":
        dtype = np.dtype(np.float64)  # whole numbers have no NaN
    table = np.full((size, spectra.shape[1]), np.nan if dtype.kind == "f" else 0, dtype)
    table[pixels] = spectra
    data = table.T.reshape(-1, *shape)  # (band, y, x)
    return Map(data, (rows.step, columns.step), (rows.start, columns.start))


def in_direction_of(cube: Cube, picture: Cube) -> Cube:
    """Return a picture turned so that its rows and columns run as those of a cube.

    Napari shows positions that fall as their negatives, so that only then both lie on each other.
    """
    data = picture.data
    steps = list(picture.pixel_size)
    starts = list(picture.origin)
    for axis, own in enumerate(cube.pixel_size):
        if own * steps[axis] > 0 or picture.pixel_unit is None:
            continue
        data = data[..., ::-1, :] if axis == 0 else data[..., ::-1]
        starts[axis] += steps[axis] * (picture.shape[axis - 2] - 1)
        steps[axis] = -steps[axis]
    return replace(
        picture, data=data, pixel_size=(steps[0], steps[1]), origin=(starts[0], starts[1])
    )


def tell_of_holes(path: Path, spectral_map: Map, spectra: int) -> None:
    """Warn where a text has fewer spectra than its map has pixels: it may have been cut short."""
    height, width = spectral_map.data.shape[-2:]
    if spectra < height * width:
        warnings.warn(
            f"{path.name}: {spectra} spectra on a map of {height} × {width} = {height * width} pixels; "
            "the others are NaN: the measurement was interrupted, or the file cut short",
            stacklevel=2,
        )


class _GridLines:
    """The rows, or the columns, of a grid, from positions that may tremble around them.

    Parameters
    ----------
    positions : ndarray of float64, shape (spectrum,)
        Along one direction, in any unit.
    """

    def __init__(self, positions: NDArray[np.float64]) -> None:
        ordered = np.unique(positions)
        # positions belong to one line until a gap that is a good part of the usual step
        new_line = np.diff(ordered) > _SAME * _usual_step(ordered)
        line = np.concatenate([[0], np.cumsum(new_line)])  # of each ordered position
        centres = np.array([ordered[line == n].mean() for n in range(line[-1] + 1)])
        index = line[np.searchsorted(ordered, positions)]
        backwards = bool(index[0] > index[-1])
        self.positions = centres[::-1] if backwards else centres
        """Position of each line, in the order in which they were measured."""
        self.index = (len(centres) - 1 - index) if backwards else index
        """Number of the line of each spectrum."""
        steps = np.diff(self.positions)
        self.even = True
        self.step = 1.0
        if len(steps):
            self.even = bool(np.allclose(steps, steps.mean(), rtol=_EVEN))
            self.step = float(steps.mean())
        self.start = float(self.positions[0])


def _usual_step(ordered: NDArray[np.float64]) -> float:
    """Return the distance of most lines from the next; 1 where there is only one."""
    gaps = np.diff(ordered)
    if not len(gaps):
        return 1.0
    wide = gaps[gaps > _JITTER * np.ptp(ordered)]
    return float(np.median(wide if len(wide) else gaps))
