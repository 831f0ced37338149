"""Where pixels lie by the map of a file: size, origin and transform from eastings and northings.

Positions count eastings along x and, as rows of a map run south, negated northings along y.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...cube import Image
from ...transform import Transform
from .fields import Geometry

Array: TypeAlias = NDArray[np.float64]
_RIGHT_ANGLE: Final = 1e-6
"""Cosine of an angle that is right but for rounding."""
_FARTHEST: Final = 2**22
"""Pixels from the origin of a map, from which single precision, in which napari draws, tells neighbours
apart: the origin of an image that lies further off is left out, as its picture would be noise."""


def fields_on_map(steps: ArrayLike, first: Sequence[float], unit: str | None) -> Geometry:
    """Return size, origin and transform of pixels on a map; nothing where they fall onto each other.

    An origin that is not finite, or too many pixels off to be drawn, is left out.

    Parameters
    ----------
    steps : array, shape (2, 2)
        Easting, and northing, from row to row, and from column to column, in `unit`.
    first : (float, float)
        Easting and northing of the centre of the first pixel, in `unit`.
    unit : str or None
        Unit of all of them.
    """
    eastings, northings = np.asarray(steps, np.float64)
    matrix = np.array([-northings, eastings])  # (y, x) from (row, column)
    sides = np.linalg.norm(matrix, axis=0)
    if not np.isfinite(matrix).all() or not sides.all():
        return Geometry()
    directions = matrix / sides
    if abs(np.linalg.det(directions)) < _RIGHT_ANGLE:
        return Geometry()
    if np.linalg.det(directions) < 0:  # rows run north, as seen along the columns
        directions[:, 0] *= -1
        sides[0] *= -1
    rotate, shear, stretch = _rotation_and_shear(directions)
    height, width = sides * stretch
    fields = Geometry(pixel_size=(float(height), float(width)), pixel_unit=unit)
    easting, northing = first
    if np.abs([easting, northing]).max() / min(abs(height), abs(width)) < _FARTHEST:
        fields["origin"] = (-float(northing) + 0.0, float(easting))  # + 0.0: of −0, which is shown
    transform = Transform.of(rotate, shear, np.eye(3))
    if transform is not None:
        fields["transform"] = transform
    return fields


def map_of(image: Image) -> tuple[Array, Array]:
    """Return steps and first pixel of an image as `fields_on_map` takes them.

    Northings fall from row to row, and eastings rise: where positions run otherwise, they are negated.
    """
    signs = np.sign(image.pixel_size)
    matrix = np.diag(image.pixel_size)
    first = np.asarray(image.origin, np.float64)
    transform = None if image.transform is None else image.transform.over(2)
    if transform is not None:
        first = transform.positions(np.zeros(2), first)
        matrix = transform.linear @ matrix
    (to_south, to_east), (south, east) = signs[:, None] * matrix, signs * first
    return np.array([to_east, -to_south]), np.array([east, -south])


def _rotation_and_shear(directions: Array) -> tuple[Array, Array, Array]:
    """Return rotation, shear and stretch whose product has these directions, (2, 2), as columns.

    Shear is 1 on its diagonal, as in napari; sheared pixels are as wide as their columns are apart.
    """
    rotate, upper = np.linalg.qr(directions)
    signs = np.sign(np.diag(upper))
    rotate = rotate * signs
    upper = signs[:, None] * upper
    if abs(upper[0, 1]) < _RIGHT_ANGLE:
        return rotate, np.eye(2), np.ones(2)
    stretch = np.diag(upper)
    return rotate, upper / stretch, stretch
