"""How an image is turned, sheared or otherwise transformed: what follows its pixel size.

A pixel at index p, one number for each axis of t, z, y and x that an image has, lies at
``affine(rotate · shear · (pixel size · p) + origin)``, as in napari: see ``layers.base`` there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix: TypeAlias = tuple[tuple[float, ...], ...]
"""Rows of a matrix."""
Array: TypeAlias = NDArray[np.float64]

_SAME: Final = 1e-12
"""Numbers closer to those of an identity are rounding errors."""


@dataclass(frozen=True)
class Transform:
    """Rotation, shear and affine map of an image, over the last of its axes t, z, y, x.

    Parameters
    ----------
    rotate, shear : tuple of tuple of float, shape (axis, axis)
        Rotation and shear matrix, which are applied between pixel size and origin.
    affine : tuple of tuple of float, shape (axis + 1, axis + 1)
        Homogeneous matrix, which is applied to positions after all else.

    Raises
    ------
    ValueError
        If shapes do not fit together, a number is not finite, or pixels fall onto each other.
    """

    rotate: Matrix
    shear: Matrix
    affine: Matrix

    def __post_init__(self) -> None:
        axes = len(self.rotate)
        shapes = {
            "rotate": (axes, axes),
            "shear": (axes, axes),
            "affine": (axes + 1, axes + 1),
        }
        for name, shape in shapes.items():
            matrix = np.asarray(getattr(self, name), np.float64)
            if matrix.shape != shape or not np.isfinite(matrix).all():
                raise ValueError(
                    f"{name} of a transform is a matrix of finite numbers, {shape}; "
                    f"got shape {matrix.shape}"
                )
            object.__setattr__(self, name, _rows(matrix))
        if np.linalg.matrix_rank(self.linear) < axes:
            raise ValueError("this transform puts different pixels at one position; mend it")

    @classmethod
    def of(cls, rotate: ArrayLike, shear: ArrayLike, affine: ArrayLike) -> Self | None:
        """Return the transform of these matrices; None where it moves nothing."""
        matrices = [np.asarray(matrix, np.float64) for matrix in (rotate, shear, affine)]
        if all(np.allclose(matrix, np.eye(len(matrix)), atol=_SAME) for matrix in matrices):
            return None
        return cls(*map(_rows, matrices))

    @classmethod
    def turned(cls, degrees: float, centre: tuple[float, float] = (0.0, 0.0)) -> Self:
        """Return the rotation of rows and columns about a position (y, x), as napari counts it."""
        turn = rotation(degrees)
        affine = np.eye(3)
        affine[:2, :2] = turn
        affine[:2, 2] = np.asarray(centre) - turn @ np.asarray(centre)
        return cls(_rows(np.eye(2)), _rows(np.eye(2)), _rows(affine))

    @property
    def axes(self) -> int:
        """Number of axes."""
        return len(self.rotate)

    @property
    def inner(self) -> Array:
        """What is applied between pixel size and origin, (axis, axis)."""
        matrix: Array = np.asarray(self.rotate) @ np.asarray(self.shear)
        return matrix

    @property
    def linear(self) -> Array:
        """All of it without translation, (axis, axis)."""
        matrix: Array = np.asarray(self.affine)[:-1, :-1] @ self.inner
        return matrix

    def over(self, axes: int) -> Transform | None:
        """Return the transform over so many axes, the last ones of an image.

        Axes that it lacks are not transformed; None where nothing is left that is.
        """
        matrices = [np.asarray(matrix) for matrix in (self.rotate, self.shear)]
        rotate, shear = (_over(matrix, axes) for matrix in matrices)
        return Transform.of(rotate, shear, _homogeneous_over(np.asarray(self.affine), axes))

    def mirrored(self, directions: ArrayLike) -> Transform:
        """Return the same transform of positions that are multiplied by 1 or −1 along each axis."""
        mirror = np.diag(np.asarray(directions, np.float64))
        homogeneous = np.eye(self.axes + 1)
        homogeneous[:-1, :-1] = mirror
        return Transform(
            _rows(mirror @ np.asarray(self.rotate) @ mirror),
            _rows(mirror @ np.asarray(self.shear) @ mirror),
            _rows(homogeneous @ np.asarray(self.affine) @ homogeneous),
        )

    def followed_by(self, affine: Array) -> Transform | None:
        """Return the transform with one more homogeneous matrix, (axis + 1, axis + 1), at the end."""
        return Transform.of(self.rotate, self.shear, affine @ np.asarray(self.affine))

    def positions(self, scaled: Array, origin: Array) -> Array:
        """Return positions, (…, axis), of indices times pixel size, (…, axis)."""
        affine = np.asarray(self.affine)
        inside = scaled @ self.inner.T + origin
        moved: Array = inside @ affine[:-1, :-1].T + affine[:-1, -1]
        return moved

    def to_json(self) -> dict[str, Any]:
        """Return the three matrices as plain JSON."""
        return {
            "rotate": [list(row) for row in self.rotate],
            "shear": [list(row) for row in self.shear],
            "affine": [list(row) for row in self.affine],
        }

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> Self:
        """Return the transform that `to_json` described."""
        rotate = description["rotate"]
        return cls(
            _rows(np.asarray(rotate, np.float64)),
            _rows(np.asarray(description["shear"], np.float64)),
            _rows(np.asarray(description["affine"], np.float64)),
        )

    def __str__(self) -> str:
        """Return what it does to rows and columns, in words."""
        (a, b), (c, d) = self.linear[-2:, -2:]
        words = []
        degrees = float(np.degrees(np.arctan2(c, a)))
        if abs(degrees) > 1e-6:
            words.append(f"turned by {degrees:.4g}°")
        if abs(a * b + c * d) > 1e-9:  # columns of a rotation are at right angles
            words.append("sheared")
        if a * d - b * c < 0:
            words.append("mirrored")
        translation = np.asarray(self.affine)[-3:-1, -1]
        if translation.any():
            words.append(f"moved by (y {translation[0]:.6g}, x {translation[1]:.6g})")
        stretch = np.linalg.norm(self.linear[-2:, -2:], axis=0)
        if not np.allclose(stretch, 1):
            words.append(f"stretched by {stretch[0]:.6g} × {stretch[1]:.6g}")
        return ", ".join(words) or "transformed along z or t"


def rotation(degrees: float) -> Array:
    """Return the rotation matrix of (y, x), (2, 2), as napari counts angles."""
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _rows(matrix: Array) -> Matrix:
    return tuple(tuple(map(float, row)) for row in matrix)


def _over(matrix: Array, axes: int) -> Array:
    """Return the last rows and columns of a matrix, or an identity that ends with it."""
    size = min(len(matrix), axes)
    result = np.eye(axes)
    if size:
        result[axes - size :, axes - size :] = matrix[len(matrix) - size :, len(matrix) - size :]
    return result


def _homogeneous_over(matrix: Array, axes: int) -> Array:
    """Return a homogeneous matrix over the last axes of another."""
    result = np.eye(axes + 1)
    result[:-1, :-1] = _over(matrix[:-1, :-1], axes)
    translation = matrix[:-1, -1][-axes:]
    result[axes - len(translation) : axes, -1] = translation
    return result


# -- attributes of a layer, whose axes may be those of bands, too


def attributes_of(transform: Transform | None, axes: int, band: int | None) -> dict[str, Any]:
    """Return rotate, shear and affine of a layer; nothing where it is upright.

    Parameters
    ----------
    transform : Transform or None
        Of the image.
    axes : int
        Number of axes of the layer.
    band : int or None
        Which of them is that of the bands, which nothing is done to; None: none.
    """
    bands = int(band is not None)
    transform = None if transform is None else transform.over(axes - bands)
    if transform is None:
        return {}
    matrices = {name: np.asarray(rows) for name, rows in transform.to_json().items()}
    if band is not None:
        matrices = {name: _with_axis(matrix, band) for name, matrix in matrices.items()}
    return matrices


def transform_in(attributes: Mapping[str, Any], axes: int, band: int | None) -> Transform | None:
    """Return the transform of the image in a layer; the inverse of `attributes_of`.

    Raises
    ------
    ValueError
        If it mixes bands with rows and columns, or is none.
    """
    rotate = _over(_rotation_matrix(attributes.get("rotate")), axes)
    shear = _over(_shear_matrix(attributes.get("shear"), axes), axes)
    affine = _homogeneous_over(_affine_matrix(attributes.get("affine"), axes), axes)
    matrices = [rotate, shear, affine]
    if band is not None:
        # a translation along the bands moves no pixel
        if any(_mixes(matrix, band) for matrix in (rotate, shear, affine[:-1, :-1])):
            raise ValueError("it is turned out of its plane, into its bands")
        matrices = [np.delete(np.delete(matrix, band, 0), band, 1) for matrix in matrices]
    return Transform.of(*matrices)


def mirrored_between(
    transform: Transform | None, steps: Sequence[float], shown: Sequence[float]
) -> Transform | None:
    """Return a transform between positions of an image and those that a viewer shows, either way.

    They have opposite signs along an axis whose step (pixel size) is shown with another sign.
    """
    transform = None if transform is None else transform.over(len(steps))
    if transform is None or len(shown) != len(steps):
        return transform
    return transform.mirrored(np.copysign(1.0, np.asarray(steps) * np.asarray(shown)))


def _with_axis(matrix: Array, axis: int) -> Array:
    """Return a matrix with one more axis, which it leaves as it is."""
    wider = np.insert(np.insert(matrix, axis, 0.0, 0), axis, 0.0, 1)
    wider[axis, axis] = 1.0
    return wider


def _mixes(matrix: Array, axis: int) -> bool:
    """Whether a square matrix mixes an axis with others."""
    others = matrix.copy()
    others[axis, axis] = 0.0
    in_row = np.abs(others[axis]).max()
    in_column = np.abs(others[:, axis]).max()
    return bool(max(in_row, in_column) > _SAME)


def _rotation_matrix(rotate: Any) -> Array:
    """Return the rotation matrix of what napari takes: degrees, three angles, or a matrix."""
    if rotate is None:
        return np.eye(2)
    values = np.asarray(rotate, np.float64)
    if values.ndim == 0:
        return rotation(float(values))
    if values.ndim == 1:  # yaw, pitch and roll: about the last, the middle and the first axis
        yaw, pitch, roll = values
        about_last, about_middle, about_first = np.eye(3), np.eye(3), np.eye(3)
        about_last[:2, :2] = rotation(yaw)
        about_middle[::2, ::2] = rotation(pitch).T
        about_first[1:, 1:] = rotation(roll)
        matrix: Array = about_last @ about_middle @ about_first
        return matrix
    return values


def _shear_matrix(shear: Any, axes: int) -> Array:
    """Return the shear matrix of what napari takes: a matrix, or its upper triangle in a row."""
    if shear is None:
        return np.eye(axes)
    values = np.asarray(shear, np.float64)
    if values.ndim == 2:
        return values
    # n · (n − 1) / 2 numbers are above the diagonal of n axes
    size = round((1 + np.sqrt(1 + 8 * len(values))) / 2)
    matrix = np.eye(size)
    matrix[np.triu_indices(size, 1)] = values
    return matrix


def _affine_matrix(affine: Any, axes: int) -> Array:
    """Return the homogeneous matrix of napari's affine, a matrix or an object that has one."""
    if affine is None:
        return np.eye(axes + 1)
    return np.asarray(getattr(affine, "affine_matrix", affine), np.float64)
