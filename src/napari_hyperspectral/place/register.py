"""Registration: an image that lies elsewhere than it says is moved onto another.

Sources: cross-correlation with subpixel shifts, Guizar-Sicairos et al. 2008,
https://doi.org/10.1364/OL.33.000156, as in scikit-image; least-squares rotation and scale of
landmarks, Umeyama 1991, https://doi.org/10.1109/34.88573.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_gradient_magnitude
from scipy.signal.windows import tukey

from ..axis import SpectralAxis
from ..cube import Cube, Image, Labels
from ..transform import Transform
from .grid import (
    Array,
    Grid,
    directions_of,
    grid_of,
    name_of,
    place_in_words,
    states_place,
    unit_factor,
)
from .resample import resample_onto, same_unit, with_place_of

Motion: TypeAlias = Literal["shift", "rigid", "similarity", "affine"]
"""What may differ: the position; also the rotation; also the pixel size; also shear."""

_LEAST_POINTS: Final = {"shift": 1, "rigid": 2, "similarity": 2, "affine": 3}
_ROUNDS: Final = 6
"""A shift is estimated again after each move, as more of both images then overlaps."""
_SUBPIXEL: Final = 50
"""Parts of a pixel to which a shift is estimated."""
_SMALL: Final = 0.02
"""A shift of so little of a pixel is none."""
_LEAST_OVERLAP: Final = 0.1
"""Part of the other image that is covered after the move: less correlates by chance."""
_MOST_EDGES: Final = 16
"""Means of bands in which edges are looked for, at most."""
_WEAK: Final = 0.2
"""A correlation below this means that both images may show different things."""


@dataclass(frozen=True)
class Registration:
    """An image that was moved onto another."""

    image: Image
    """The image with its new place, its values as they were; see `resample_onto`."""
    shift: tuple[float, float]
    """How far its middle was moved, (y, x), in pixels of the other."""
    residual: float
    """What is left, in pixels of the other: the root mean square distance of landmarks, or the shift
    that correlation still finds."""
    correlation: float | None = None
    """Pearson correlation after the move; None where landmarks were used."""

    def __str__(self) -> str:
        y, x = self.shift
        text = f"moved by (y {y:.2f}, x {x:.2f}) pixels, residual {self.residual:.2f} pixels"
        if self.correlation is not None:
            text += f", correlation {self.correlation:.2f}"
        return text


def register_by_correlation(image: Image, onto: Image) -> Registration:
    """Move an image by the shift at which it correlates best with another.

    Both are brought to one image without bands each: the mean of equal bands, otherwise how steep
    intensities are at each pixel, which is alike in images of different kinds. Nothing is turned or
    stretched: use landmarks for that. Where places are not stated in one unit, both are taken to
    have equal pixels, the first on the first.

    Parameters
    ----------
    image : Cube or Labels
        What is moved.
    onto : Cube or Labels
        What it is moved onto.

    Raises
    ------
    ValueError
        If they do not overlap, or one is the same everywhere.
    """
    moved = _in_system_of(image, onto)
    fixed = _grey(onto, image)
    moving = _grey(image, onto)
    total = np.zeros(2)
    for _ in range(_ROUNDS):
        grey = _on_pixels_of(onto, moving, moved)
        shift = _shift_between(fixed, grey)
        if np.abs(shift).max() < _SMALL:
            break
        moved = _mapped(moved, _translation(_grid(onto, image).matrix @ shift), onto)
        total += shift
    grey = _on_pixels_of(onto, moving, moved)
    residual = _shift_between(fixed, grey)
    correlation = _correlation(fixed, grey)
    if not correlation > _WEAK or np.isfinite(grey).mean() < _LEAST_OVERLAP:
        warnings.warn(
            f"{name_of(image)} was moved by (y {total[0]:.2f}, x {total[1]:.2f}) pixels, where it "
            f"covers {np.isfinite(grey).mean():.0%} of {name_of(onto)} and correlates with it by "
            f"{correlation:.2f} only: look whether they show the same place, or register them by "
            "landmarks",
            stacklevel=2,
        )
    return Registration(
        _noted(moved, onto, "correlation", np.hypot(*residual)),
        (float(total[0]), float(total[1])),
        float(np.hypot(*residual)),
        correlation,
    )


def register_by_landmarks(
    image: Image,
    onto: Image,
    points: ArrayLike,
    onto_points: ArrayLike,
    motion: Motion | None = None,
) -> Registration:
    """Move an image so that landmarks in it lie on the same ones in another.

    Parameters
    ----------
    image : Cube or Labels
        What is moved.
    onto : Cube or Labels
        What it is moved onto.
    points, onto_points : array_like, shape (landmark, 2)
        Row and column of each landmark in either image, counted from the centre of its first pixel.
    motion : {"shift", "rigid", "similarity", "affine"}, optional
        What may differ. By default, the position, with two or more landmarks also the rotation, and
        the pixel size where it is not stated in one unit.

    Raises
    ------
    ValueError
        If there are too few landmarks, not as many in both, or all on one line.
    """
    pixels = _points(points, image)
    onto_pixels = _points(onto_points, onto)
    known_scale = same_unit(image, onto) and states_place(image) and states_place(onto)
    if motion is None:
        several = "rigid" if known_scale else "similarity"
        motion = "shift" if len(pixels) == 1 else several  # type: ignore[assignment]
        assert motion is not None
    _check_points(pixels, onto_pixels, motion)
    moving = _in_system_of(image, onto)
    grid = _grid(onto, moving)
    sources = _grid(moving, onto).positions(pixels)
    targets = grid.positions(onto_pixels)
    affine = _fitted(sources, targets, motion)
    moved = _mapped(moving, affine, onto)
    offsets = grid.pixels(_grid(moved, onto).positions(pixels)) - onto_pixels
    residual = float(np.sqrt(np.square(offsets).sum(axis=1).mean()))
    middle = (np.asarray(image.shape[-2:]) - 1) / 2
    before = grid.pixels(_grid(moving, onto).positions(middle))
    after = grid.pixels(_grid(moved, onto).positions(middle))
    shift = after - before
    how = f"{len(pixels)} landmark{'s' * (len(pixels) != 1)} ({motion})"
    return Registration(
        _noted(moved, onto, how, residual), (float(shift[0]), float(shift[1])), residual
    )


def _noted(image: Image, onto: Image, how: str, residual: float) -> Image:
    step = f"registered onto {name_of(onto)} by {how}, residual {residual:.2f} pixels"
    noted: Image = image.after(step)
    return noted


def _in_system_of(image: Image, onto: Image) -> Image:
    """Return an image with its place in the unit of another; as that lies, if it states none."""
    if not same_unit(image, onto):
        if states_place(image) and states_place(onto):
            return _in_unit(image, onto)
        # pixels of equal size, the first on the first
        placeless: Image = with_place_of(image, onto)
        return placeless
    return _in_unit(image, onto)


def _in_unit(image: Image, onto: Image) -> Image:
    """Return an image whose place is stated in the unit of another."""
    factor = unit_factor(image.pixel_unit, onto.pixel_unit)
    if factor is None:
        raise ValueError(
            f"{name_of(image)} states its place in {image.pixel_unit or 'pixels'}, {name_of(onto)} "
            f"in {onto.pixel_unit or 'pixels'} ({place_in_words(image)}, against "
            f"{place_in_words(onto)}); state both in a unit of length"
        )
    if factor == 1:
        return replace(image, pixel_unit=onto.pixel_unit)
    changes: dict[str, Any] = {
        "pixel_size": tuple(factor * size for size in image.pixel_size),
        "origin": tuple(factor * start for start in image.origin),
        "pixel_unit": onto.pixel_unit,
    }
    if image.transform is not None:
        affine = np.array(image.transform.affine)
        affine[-3:-1, -1] *= factor
        changes["transform"] = replace(
            image.transform, affine=tuple(tuple(map(float, row)) for row in affine)
        )
    return replace(image, **changes)


def _grid(image: Image, other: Image) -> Grid:
    """Return the grid of an image in the positions in which it is compared with another."""
    return grid_of(image).scaled(directions_of(image, other))


def _translation(shift: Array) -> Array:
    """Return the homogeneous matrix, (3, 3), that moves positions by (y, x)."""
    affine = np.eye(3)
    affine[:2, 2] = shift
    return affine


def _mapped(image: Image, affine: Array, onto: Image) -> Image:
    """Return an image whose positions (y, x) are mapped by a homogeneous matrix, (3, 3)."""
    mirror = np.diag([*directions_of(image, onto), 1.0])
    affine = mirror @ affine @ mirror
    moves_only = np.allclose(affine[:2, :2], np.eye(2), atol=1e-12)
    if image.transform is None and moves_only:
        y, x = np.asarray(image.origin) + affine[:2, 2]
        return replace(image, origin=(float(y), float(x)))
    axes = 2 if image.transform is None else image.transform.axes
    wider = np.eye(axes + 1)
    wider[-3:, -3:] = affine
    transform = image.transform
    if transform is None:
        transform = Transform.of(np.eye(axes), np.eye(axes), wider)
    else:
        transform = transform.followed_by(wider)
    return replace(image, transform=transform)


# -- landmarks


def _points(points: ArrayLike, image: Image) -> Array:
    values = np.asarray(points, np.float64)
    if values.ndim != 2 or values.shape[1] != 2 or not np.isfinite(values).all():
        raise ValueError(
            f"landmarks of {name_of(image)} are rows and columns, (landmark, 2), all finite; got "
            f"shape {values.shape}"
        )
    return values


def _check_points(points: Array, onto_points: Array, motion: Motion) -> None:
    if len(points) != len(onto_points):
        raise ValueError(
            f"there are {len(points)} landmarks in the image and {len(onto_points)} in the other; "
            "mark the same ones in both, in one order"
        )
    least = _LEAST_POINTS[motion]
    if len(points) < least:
        raise ValueError(
            f"{len(points)} landmarks are too few for a {motion} motion; mark at least {least}"
        )
    for marked in (points, onto_points):
        spread = np.linalg.matrix_rank(marked - marked.mean(axis=0), tol=1e-6)
        if spread < least - 1:
            raise ValueError(
                f"all landmarks lie {'at one point' if spread == 0 else 'on one line'}, which leaves "
                f"a {motion} motion open; mark others"
            )


def _fitted(sources: Array, targets: Array, motion: Motion) -> Array:
    """Return the homogeneous matrix, (3, 3), that maps positions, (landmark, 2), best."""
    centre, target_centre = sources.mean(axis=0), targets.mean(axis=0)
    linear = np.eye(2)
    if motion == "affine":
        linear = np.linalg.lstsq(sources - centre, targets - target_centre, rcond=None)[0].T
    elif motion != "shift":
        linear = _rotation(sources - centre, targets - target_centre, scale=motion == "similarity")
    affine = np.eye(3)
    affine[:2, :2] = linear
    affine[:2, 2] = target_centre - linear @ centre
    return affine


def _rotation(sources: Array, targets: Array, *, scale: bool) -> Array:
    """Return the rotation, with `scale` times a factor, that fits centred points best."""
    left, strengths, right = np.linalg.svd(targets.T @ sources)
    signs = np.array([1.0, np.sign(np.linalg.det(left @ right))])  # no mirror image
    rotation: Array = left @ np.diag(signs) @ right
    if scale:
        rotation = rotation * float((strengths * signs).sum() / np.square(sources).sum())
    return rotation


# -- correlation


def _grey(image: Image, other: Image) -> Array:
    """Return one image, (y, x), NaN where nothing is known, that can be correlated with another."""
    same_quantity = (
        isinstance(image, Cube) and isinstance(other, Cube) and image.axis.same_bands(other.axis)
    )
    if isinstance(image, Labels):
        planes = image.numpy().astype(np.float64)
        planes = planes.reshape(-1, *planes.shape[-2:])
        # numbers of classes are no intensities: each class by itself
        numbers = np.unique(planes)[:64]
        edges = [
            _steepness(np.asarray(planes == number, np.float64).mean(axis=0)) for number in numbers
        ]
        return np.asarray(np.sum(edges, axis=0))
    planes = image.numpy()[..., image.axis.good, :, :].astype(np.float64)
    bands = planes.reshape(-1, *planes.shape[-2:])
    if same_quantity:
        return _mean(bands)
    parts = np.array_split(bands, min(len(bands), _MOST_EDGES))
    return np.asarray(np.sqrt(sum(_relative_steepness(_mean(part)) ** 2 for part in parts)))


def _mean(bands: Array) -> Array:
    """Return the mean of bands, (y, x), where any is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels without any measured band
        mean: Array = np.nanmean(np.where(np.isfinite(bands), bands, np.nan), axis=0)
    return mean


def _relative_steepness(grey: Array) -> Array:
    """Return how steep an image is, in its standard deviations; 0 where it is the same everywhere."""
    spread = float(np.nanstd(grey)) if np.isfinite(grey).any() else 0.0
    steep = _steepness(grey)
    if spread == 0:
        return np.where(np.isfinite(steep), 0.0, np.nan)
    return steep / spread


def _on_pixels_of(onto: Image, grey: Array, image: Image) -> Array:
    """Return values of the pixels of an image, (y, x), on those of another."""
    planeless = Cube(
        grey[None],
        SpectralAxis.index(1),
        pixel_size=image.pixel_size,
        origin=image.origin,
        pixel_unit=image.pixel_unit,
        transform=None if image.transform is None else image.transform.over(2),
        shown=image.shown,
        name=image.name,
    )
    resampled = resample_onto(planeless, onto).numpy()[0]
    return np.asarray(resampled, np.float64)


def _steepness(grey: Array) -> Array:
    """Return how steep an image is at each pixel; NaN near what is missing."""
    known = np.isfinite(grey)
    filled = np.where(known, grey, np.nanmean(grey) if known.any() else 0.0)
    steep: Array = gaussian_gradient_magnitude(filled, 1.0, mode="nearest")
    near_missing = gaussian_gradient_magnitude(known.astype(np.float64), 1.0, mode="nearest") > 1e-3
    return np.where(known & ~near_missing, steep, np.nan)


def _shift_between(fixed: Array, moving: Array) -> Array:
    """Return by how many rows and columns `moving` has to be moved to lie on `fixed`."""
    from skimage.registration import phase_cross_correlation

    known = np.isfinite(fixed) & np.isfinite(moving)
    if known.sum() < 4 or not (np.ptp(fixed[known]) > 0 and np.ptp(moving[known]) > 0):
        raise ValueError(
            "nothing varies where both images overlap, so nothing correlates; register them by "
            "landmarks, or correct their places first"
        )
    window = np.outer(*(tukey(size, 0.3) if size > 3 else np.ones(size) for size in known.shape))
    weighted = []
    for image in (fixed, moving):
        centred = np.where(known, image - image[known].mean(), 0.0)
        weighted.append(window * centred / image[known].std())
    found = phase_cross_correlation(  # type: ignore[no-untyped-call]
        *weighted, upsample_factor=_SUBPIXEL, normalization=None
    )
    shift = np.asarray(found[0], np.float64)
    shift[np.asarray(known.shape) == 1] = 0.0
    return shift


def _correlation(fixed: Array, moving: Array) -> float:
    known = np.isfinite(fixed) & np.isfinite(moving)
    if known.sum() < 2:
        return float("nan")
    return float(np.corrcoef(fixed[known], moving[known])[0, 1])
