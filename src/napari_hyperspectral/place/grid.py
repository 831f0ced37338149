"""The grid of an image: where each of its pixels lies, in the unit that the image states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..cube import Cube, Image, Sampling
from ..io.metadata.units import metres

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """Pixels in space: a pixel at index p lies at ``matrix · p + first``."""

    matrix: Array
    """Steps from pixel to pixel, (axis, axis): columns are those along each axis, (z,) y, x."""
    first: Array
    """Position of the first pixel, (axis,)."""
    shape: tuple[int, ...]
    """Number of pixels along each axis."""

    def positions(self, pixels: ArrayLike) -> Array:
        """Return the positions, (…, axis), of pixel indices, (…, axis)."""
        positions: Array = np.asarray(pixels, np.float64) @ self.matrix.T + self.first
        return positions

    def pixels(self, positions: ArrayLike) -> Array:
        """Return the pixel indices, (…, axis), that lie at positions, (…, axis)."""
        offsets = np.asarray(positions, np.float64) - self.first
        pixels: Array = offsets @ np.linalg.inv(self.matrix).T
        return pixels

    def scaled(self, factors: ArrayLike) -> Grid:
        """Return the grid in other units: positions times a factor for each axis."""
        factor = np.asarray(factors, np.float64)
        return Grid(factor[:, None] * self.matrix, factor * self.first, self.shape)

    def corners(self, *, edges: bool) -> Array:
        """Return the pixel indices of the corners, (corner, axis).

        Parameters
        ----------
        edges : bool
            Whether those are of the outer pixels' edges; otherwise, of their centres. Along an axis
            of one pixel, it is the centre: how far it extends is often not known.
        """
        margin = 0.5 if edges else 0.0
        ends = []
        for size in self.shape:
            along = [0.0] if size == 1 else [-margin, size - 1 + margin]
            ends.append(along)
        meshes = [axis.ravel() for axis in np.meshgrid(*ends, indexing="ij")]
        corners: Array = np.stack(meshes, axis=-1)
        return corners

    @property
    def steps(self) -> Array:
        """Distance of neighbours along each axis, (axis,)."""
        steps: Array = np.linalg.norm(self.matrix, axis=0)
        return steps


def grid_of(image: Image, *, planes: bool = False) -> Grid:
    """Return the grid of an image: its rows and columns, with `planes` those of a stack before them.

    Raises
    ------
    ValueError
        If pixels fall onto each other: a pixel size is 0 or not finite.
    """
    sizes: tuple[float, ...] = image.pixel_size
    origin: tuple[float, ...] = image.origin
    if planes:
        z = image.z or Sampling()
        sizes = (z.step, *sizes)
        origin = (z.start, *origin)
    axes = len(sizes)
    matrix = np.diag(np.asarray(sizes, np.float64))
    first = np.asarray(origin, np.float64)
    transform = image.transform
    if transform is not None:
        transform = transform.over(axes)
    if transform is not None:
        first = transform.positions(np.zeros(axes), first)
        matrix = transform.linear @ matrix
    if not np.isfinite(matrix).all() or not np.isfinite(first).all() or not _independent(matrix):
        raise ValueError(
            f"{name_of(image)} has pixels of {image.pixel_size[0]:g} × {image.pixel_size[1]:g} at "
            f"{image.origin}; sizes other than 0, and finite numbers, say where it lies"
        )
    height, width = image.shape[-2:]
    shape: tuple[int, ...] = (height, width)
    if planes:
        shape = (image.shape[image.dims.index("z")], *shape)
    return Grid(matrix, first, shape)


def directions_of(image: Image, other: Image, *, planes: bool = False) -> list[float]:
    """Return 1 or −1 for each axis, by which positions of the first are to be multiplied.

    A viewer shows positions that fall as their negatives, which rise: layers are compared as they
    are shown, files as they are stated.
    """
    steps = [*image.pixel_size]
    if planes:
        steps.insert(0, (image.z or Sampling()).step)
    if not (image.shown and other.shown):
        return [1.0] * len(steps)
    return [math.copysign(1.0, step) for step in steps]


def states_place(image: Image) -> bool:
    """Whether an image says where it lies, or how large its pixels are."""
    return (
        image.pixel_unit is not None
        or image.transform is not None
        or tuple(image.pixel_size) != (1.0, 1.0)
        or tuple(image.origin) != (0.0, 0.0)
    )


def both_state_places(one: Image, other: Image) -> bool:
    """Whether the places of two images can be compared, as both say where they lie.

    Layers of a viewer lie where they are shown; where nobody gave one a place, it counts pixels, and
    is compared with those that count pixels, too.
    """
    if states_place(one) and states_place(other):
        return True
    both_shown = one.shown and other.shown
    return both_shown and one.pixel_unit is None and other.pixel_unit is None


def unit_factor(unit: str | None, other: str | None) -> float | None:
    """Return how many of the other unit one unit is; None where they cannot be converted."""
    if unit == other:
        return 1.0
    in_metres = (metres(unit), metres(other))
    if in_metres[0] is None or in_metres[1] is None:
        return None
    return in_metres[0] / in_metres[1]


def name_of(image: Image) -> str:
    """Return what messages call an image."""
    noun = "cube" if isinstance(image, Cube) else "labels"
    return f"{noun} {image.name!r}" if image.name else f"the {noun}"


def place_in_words(image: Image) -> str:
    """Return where an image lies: first pixel, pixel size, and what else is done to them."""
    unit = f" {image.pixel_unit}" if image.pixel_unit else ""
    y, x = image.origin
    height, width = image.pixel_size
    words = [
        f"first pixel at (y {y:.6g}, x {x:.6g}){unit}",
        f"pixels of {height:.6g} × {width:.6g}{unit or ' pixel'}",
    ]
    if image.z is not None:
        z_unit = f" {image.z.unit}" if image.z.unit else ""
        words.append(f"planes from {image.z.start:.6g} by {image.z.step:.6g}{z_unit}")
    if image.transform is not None:
        words.append(str(image.transform))
    return ", ".join(words)


def extent_in_words(image: Image) -> str:
    """Return from where to where an image extends."""
    grid = grid_of(image)
    positions = grid.positions(grid.corners(edges=True))
    unit = f" {image.pixel_unit}" if image.pixel_unit else ""
    low, high = positions.min(axis=0), positions.max(axis=0)
    return f"from {_point(low)} to {_point(high)}{unit}"


def _point(position: Sequence[float] | Array) -> str:
    y, x = position
    return f"(y {y:.6g}, x {x:.6g})"


def _independent(matrix: Array) -> bool:
    steps = np.linalg.norm(matrix, axis=0)
    return bool((steps > 0).all()) and abs(float(np.linalg.det(matrix / steps))) > 1e-9
