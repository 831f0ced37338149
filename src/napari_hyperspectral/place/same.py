"""Whether two images that are to be paired show the same pixels, by the places that they state."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np

from ..cube import Image, Sampling
from .grid import (
    Array,
    Grid,
    both_state_places,
    directions_of,
    extent_in_words,
    grid_of,
    name_of,
    place_in_words,
    unit_factor,
)

TOLERANCE: Final = 0.5
"""Images that lie further from each other than this part of a pixel are not paired."""
_ROUNDING: Final = 1e-6
WAYS_OUT: Final = (
    "resample one onto the grid of the other (`resample`, dock Place), register them first "
    "(`register`, by landmarks or correlation, dock Place), or, if they show the same pixels "
    "whatever is stated, switch on Same pixels (same_pixels, --same-pixels)"
)
WAYS_OUT_OF_SIZES: Final = (
    "resample one onto the grid of the other (`resample`, dock Place), or register them first "
    "(`register`, dock Place)"
)


class PlaceMismatchError(ValueError):
    """Two images that are to be paired lie elsewhere.

    Parameters
    ----------
    one, other : Cube or Labels
        The images.
    pixels : float
        How far they differ, in pixels.
    scale : int
        Rows, and columns, of the other image for each of the first; extents are told if not 1.
    """

    def __init__(self, one: Image, other: Image, pixels: float, scale: int = 1) -> None:
        words = place_in_words if scale == 1 else extent_in_words
        super().__init__(
            f"{name_of(other)} and {name_of(one)} differ in place by up to {pixels:.4g} pixels: "
            f"{words(other)}, against {words(one)}; {WAYS_OUT}"
        )
        self.pixels = pixels


def check_same_place(
    one: Image, other: Image, *, scale: int = 1, same_pixels: bool = False
) -> None:
    """Refuse images that do not lie on each other, where both state their place.

    Origin, pixel size, rotation, shear and affine map are compared, in the unit of the first; of
    stacks, also the planes. Where units cannot be converted, it is a warning.

    Parameters
    ----------
    one, other : Cube or Labels
        Of equal numbers of pixels, but for `scale`.
    scale : int
        Rows, and columns, of the other for each of the first; then extents are compared.
    same_pixels : bool
        Trust that they show the same pixels, and check nothing.

    Raises
    ------
    PlaceMismatchError
        If they differ by more than half a pixel (of the first, where pixels differ by `scale`).
    """
    if same_pixels:
        return
    pixels = difference_in_pixels(one, other, scale=scale)
    if pixels is not None and pixels > TOLERANCE + _ROUNDING:
        raise PlaceMismatchError(one, other, pixels, scale)


def difference_in_pixels(one: Image, other: Image, *, scale: int = 1) -> float | None:
    """Return how far two images lie from each other, in pixels; None where that is not known.

    It is the largest difference of any of their pixels along any axis, in the smaller pixels; where
    those differ by `scale`, in those of the first.
    """
    if not both_state_places(one, other):
        return None
    planes = _planes_compare(one, other)
    factors = _unit_factors(one, other, planes=planes)
    grid = grid_of(one, planes=planes).scaled(directions_of(one, other, planes=planes))
    other_grid = grid_of(other, planes=planes).scaled(directions_of(other, one, planes=planes))
    if factors is None:
        if np.allclose(grid.matrix, other_grid.matrix) and np.allclose(
            grid.first, other_grid.first
        ):
            return 0.0  # the same numbers: nobody wrote the unit into one of them
        warnings.warn(
            f"nobody can tell whether {name_of(other)} lies on {name_of(one)}: "
            f"{place_in_words(other)}, against {place_in_words(one)}; their pixels are paired as "
            "they are; state both in one unit to have them compared",
            stacklevel=3,
        )
        return None
    other_grid = other_grid.scaled(factors)
    positions = grid.positions(grid.corners(edges=True))
    other_positions = other_grid.positions(other_grid.corners(edges=True))
    offsets = other_positions - positions
    differences = [_largest(grid, offsets)]
    if scale == 1:
        differences.append(_largest(other_grid, offsets))
    return max(differences)


def _largest(grid: Grid, offsets: Array) -> float:
    """Return the largest of offsets, (corner, axis), in pixels of a grid."""
    return float(np.abs(np.linalg.solve(grid.matrix, offsets.T)).max())


def _planes_compare(one: Image, other: Image) -> bool:
    """Whether both are stacks that say where their planes lie."""
    if one.z is None or other.z is None:
        return False
    if Sampling() in (one.z, other.z):
        return False
    return unit_factor(other.z.unit, one.z.unit) is not None


def _unit_factors(one: Image, other: Image, *, planes: bool) -> list[float] | None:
    """Return what positions of the other are multiplied by to be in the units of the first."""
    factor = unit_factor(other.pixel_unit, one.pixel_unit)
    if factor is None:
        return None
    factors = [factor, factor]
    if planes:
        assert one.z is not None
        assert other.z is not None
        along_z = unit_factor(other.z.unit, one.z.unit)
        assert along_z is not None
        factors.insert(0, along_z)
    return factors
