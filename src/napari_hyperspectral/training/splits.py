"""Splitting pixels into training and validation: blocks of them, with a guard band between.

Neighbouring pixels are nearly copies of each other, and a spatial network sees around a pixel:
single pixels held out at random leak (Nalepa et al. 2019, https://arxiv.org/abs/1811.03707). So
blocks are held out, class by class, and pixels near them are used for neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_cdt

from ..spectra.arrays import Float32, Indices
from ..spectra.arrays import Mask as Mask

Integers: TypeAlias = NDArray[np.integer]
"""Whole numbers of any width."""
_ImageCounts: TypeAlias = dict[int, Counter[str]]
"""Number of images of each class, by their groups."""
ClassImage: TypeAlias = NDArray[np.integer]
"""Class of each pixel, shape (y, x); 0 is not to be used."""


class Kept(NamedTuple):
    """What is left of a class, or cluster of spectra, to train on."""

    train: int
    """Training pixels."""
    all: int
    """Pixels."""


class Split(NamedTuple):
    """Training and validation pixels of an image, and the guard band that belongs to neither."""

    validation: Mask
    """Pixels of the blocks held out, shape (y, x)."""
    train: Mask
    """Usable pixels further than `guard` from them, shape (y, x)."""
    guard: int
    """Width of the band in pixels; less than asked for where a class would have been lost."""
    kept: tuple[Kept, ...] = ()
    """Of each class or cluster of spectra, where the split was made by them."""


def block_split(
    classes: ClassImage,
    share: float,
    *,
    block: int = 8,
    guard: int = 0,
    seed: int = 0,
) -> Split:
    """Hold out blocks that contain about `share` of the pixels of each class.

    Every class of two pixels or more is on both sides: where all its pixels lie in one block, that
    block is cut into smaller ones. The guard band is narrower than asked for where it would
    swallow more than half of the training pixels of a class.

    Parameters
    ----------
    classes : ndarray of int, shape (y, x)
        Class of each pixel; 0 is not to be used.
    share : float
        Between 0 and 1; 0 holds nothing out.
    block : int
        Side of a block in pixels.
    guard : int
        Width of the band between blocks and training pixels, in pixels (Chebyshev distance).
    seed : int
        Equal seeds hold out equal blocks.
    """
    validation = np.zeros(classes.shape, dtype=bool)
    if share <= 0:
        return Split(validation, classes > 0, 0)
    rng = np.random.default_rng(seed)
    shift = rng.integers(block, size=2)  # of the grid of blocks, one for all classes
    usable = classes > 0
    for class_id in np.unique(classes[usable]):
        pixels = classes == class_id
        validation |= _validation_blocks(pixels, share, block, shift, rng)
    for width in range(guard, -1, -1):
        train = beyond(validation, width) & usable
        if width == 0 or _keeps_half(classes, validation, train):
            break
    return Split(validation, train, width)


def group_split(
    groups: Sequence[str],
    classes: Sequence[int],
    share: float,
    seed: int,
) -> list[bool]:
    """Hold out whole images, about `share` of each class; return which.

    Images of one group are held out together. A class that is in one group only stays in training,
    and so does that group. An image of several classes is listed once for each.

    Parameters
    ----------
    groups : sequence of str
        Group of each image: a sample, a patient.
    classes : sequence of int
        Class of each image.
    share : float
        Between 0 and 1; 0 holds nothing out.
    seed : int
        Equal seeds hold out equal groups.

    Raises
    ------
    ValueError
        If something is to be held out, and all images are of one group.
    """
    if share <= 0:
        return [False] * len(groups)
    names = sorted(set(groups))
    if len(names) < 2:
        raise ValueError(
            "all images are one group: none can be held out whole; give more images or groups, "
            "hold out blocks, or set validation to 0"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    shuffled = [names[index] for index in order]
    images = _images_of_classes(groups, classes)
    validation: set[str] = set()
    held_out = dict.fromkeys(images, 0)  # images of each class
    groups_left: dict[int, int] = {}  # training groups of each class
    for class_id, by_group in images.items():
        groups_left[class_id] = len(by_group)
    for class_id, by_group in images.items():
        needed = share * by_group.total()
        for group in shuffled:
            enough = held_out[class_id] >= needed
            if enough or groups_left[class_id] < 2:
                break
            if group in validation or group not in by_group:
                continue
            inside = _classes_of_group(group, images)
            # the last training group of one of its classes stays
            if any(groups_left[each] < 2 for each in inside):
                continue
            validation.add(group)
            for each in inside:
                held_out[each] += images[each][group]
                groups_left[each] -= 1
    return [group in validation for group in groups]


def beyond(mask: Mask, guard: int) -> Mask:
    """Return where pixels are further than `guard` pixels (Chebyshev) from all of `mask`, (y, x)."""
    if not mask.any():
        return np.ones(mask.shape, dtype=bool)
    outside = ~mask
    distance: Integers = distance_transform_cdt(outside, metric="chessboard")
    return distance > guard


def spectra_at(planes: Float32, mask: Mask) -> Float32:
    """Return pixels of images, (plane, band, y, x), as spectra, (spectrum, band).

    The mask, (plane, y, x), says which; intensities keep their unit.
    """
    by_pixel = np.moveaxis(planes, 1, -1)  # (plane, y, x, band)
    return by_pixel[mask]


def _validation_blocks(
    pixels: Mask,
    share: float,
    block: int,
    shift: Integers,
    rng: np.random.Generator,
) -> Mask:
    """Return the pixels of one class in blocks that hold at least `share` of them, not all."""
    validation = np.zeros(pixels.shape, dtype=bool)
    y, x = np.nonzero(pixels)
    if len(y) < 2:
        return validation
    block_of, sizes = _blocks_of(y, x, block, shift)
    while len(sizes) == 1 and block > 1:  # a class in one block would be on one side only
        block //= 2
        block_of, sizes = _blocks_of(y, x, block, shift)
    order = rng.permutation(len(sizes))
    filled = np.cumsum(sizes[order])  # pixels in the first blocks of that order
    needed = share * len(y)
    enough = int(np.searchsorted(filled, needed)) + 1
    most = len(sizes) - 1  # a block is left to train on
    chosen = order[: min(enough, most)]
    held_out = np.isin(block_of, chosen)
    rows = y[held_out]
    columns = x[held_out]
    validation[rows, columns] = True
    return validation


def _blocks_of(
    y: Indices,
    x: Indices,
    block: int,
    shift: Integers,
) -> tuple[Indices, Indices]:
    """Return the number of the block of each pixel, and the pixels in each block."""
    rows = (y + shift[0]) // block
    columns = (x + shift[1]) // block
    blocks = np.stack([rows, columns])  # (2, pixel)
    _, block_of, sizes = np.unique(
        blocks,
        axis=1,
        return_inverse=True,
        return_counts=True,
    )
    # some versions of NumPy return (1, pixel)
    return np.ravel(block_of), sizes


def _images_of_classes(groups: Sequence[str], classes: Sequence[int]) -> _ImageCounts:
    """Return how many images of each class each group has."""
    images: _ImageCounts = {}
    for class_id in sorted(set(classes)):
        images[class_id] = Counter()
    for group, class_id in zip(groups, classes, strict=True):
        images[class_id][group] += 1
    return images


def _classes_of_group(group: str, images: _ImageCounts) -> list[int]:
    """Return the classes of which a group has images."""
    classes = []
    for class_id, by_group in images.items():
        if group in by_group:
            classes.append(class_id)
    return classes


def _keeps_half(
    classes: ClassImage,
    validation: Mask,
    train: Mask,
) -> bool:
    """Return whether at least half of each class outside the blocks is left to train on."""
    count = int(classes.max()) + 1
    outside = (classes > 0) & ~validation  # (y, x)
    left = np.bincount(classes[train], minlength=count)
    available = np.bincount(classes[outside], minlength=count)
    enough = left * 2 >= available  # (class,), with class 0, which is nowhere
    return bool(np.all(enough[1:]))
