"""Which pixels teach and which are held out: blocks, with a guard band between.

Neighbouring pixels are nearly copies of each other, and a spatial network sees around a pixel:
pixels drawn at random leak (Nalepa et al. 2019, https://arxiv.org/abs/1811.03707). So whole
blocks are drawn, class by class, and pixels near them are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_cdt

Mask = NDArray[np.bool_]


class Split(NamedTuple):
    """Two sides of a scene, and the band between that belongs to neither."""

    validation: Mask
    """Pixels of the drawn blocks, shape (y, x)."""
    train: Mask
    """Usable pixels further than `guard` from them, shape (y, x)."""
    guard: int
    """Width of the band in pixels; less than asked for where a class would have been lost."""


def block_split(
    classes: NDArray[np.integer], share: float, *, block: int = 8, guard: int = 0, seed: int = 0
) -> Split:
    """Draw blocks that hold about `share` of the pixels of each class.

    Every class that has two pixels or more is in the drawn blocks, and is left outside them:
    where its pixels lie in a single block, that block is cut finer. The guard band is made
    narrower than asked for where it would swallow more than half of what is left of a class.

    Parameters
    ----------
    classes : ndarray of int, shape (y, x)
        Class of each pixel; 0 is not to be used.
    share : float
        Between 0 and 1; 0 draws nothing.
    block : int
        Side of a block in pixels.
    guard : int
        Width of the band between drawn blocks and the rest, in pixels (Chebyshev distance).
    seed : int
        Equal seeds draw equal blocks.
    """
    if share <= 0:
        return Split(np.zeros(classes.shape, bool), classes > 0, 0)
    validation = np.zeros(classes.shape, dtype=bool)
    rng = np.random.default_rng(seed)
    shift = rng.integers(block, size=2)
    for one in np.unique(classes[classes > 0]):
        validation |= _drawn(classes == one, share, block, shift, rng)
    for width in range(guard, -1, -1):
        train = beyond(validation, width) & (classes > 0)
        if width == 0 or _keeps_half(classes, validation, train):
            break
    return Split(validation, train, width)


def draw_groups(groups: Sequence[str], kinds: Sequence[int], share: float, seed: int) -> list[bool]:
    """Draw whole images that hold about `share` of each kind; return which are drawn.

    Images of one group are drawn together. Of a kind that is in one group only, nothing is drawn:
    the rest must have all kinds. An image of several kinds is given once for each.

    Parameters
    ----------
    groups : sequence of str
        Group of each image: a sample, a patient.
    kinds : sequence of int
        What is in each image: its class, say.
    share : float
        Between 0 and 1; 0 draws nothing.
    seed : int
        Equal seeds draw equal groups.

    Raises
    ------
    ValueError
        If something is to be drawn, and all images are of one group.
    """
    names = sorted(set(groups))
    if share <= 0:
        return [False] * len(groups)
    if len(names) < 2:
        raise ValueError(
            "all images are one group: none can be held out whole; give more images or groups, "
            "hold out blocks, or set validation to 0"
        )
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    images = {
        kind: Counter(g for g, k in zip(groups, kinds, strict=True) if k == kind)
        for kind in sorted(set(kinds))
    }
    validation: set[str] = set()
    held = dict.fromkeys(images, 0)
    left = {kind: len(of) for kind, of in images.items()}
    for kind, of in images.items():
        for group in order:
            if held[kind] >= share * of.total() or left[kind] < 2:
                break
            inside = [k for k, others in images.items() if group in others]
            if group in of and group not in validation and all(left[k] > 1 for k in inside):
                validation.add(group)
                for k in inside:
                    held[k] += images[k][group]
                    left[k] -= 1
    return [group in validation for group in groups]


def beyond(mask: Mask, guard: int) -> Mask:
    """Return where pixels are further than `guard` pixels (Chebyshev) from all of `mask`."""
    if not mask.any():
        return np.ones(mask.shape, dtype=bool)
    distance: NDArray[np.integer] = distance_transform_cdt(~mask, metric="chessboard")
    return distance > guard


def _drawn(
    pixels: Mask, share: float, block: int, shift: NDArray[np.integer], rng: np.random.Generator
) -> Mask:
    """Return the pixels of one class in blocks that hold at least `share` of them, not all."""
    y, x = np.nonzero(pixels)
    validation = np.zeros(pixels.shape, dtype=bool)
    if len(y) < 2:
        return validation
    while True:
        ids = np.stack([(y + shift[0]) // block, (x + shift[1]) // block])
        blocks, block_of, sizes = np.unique(ids, axis=1, return_inverse=True, return_counts=True)
        if blocks.shape[1] > 1 or block == 1:
            break
        block //= 2
    order = rng.permutation(len(sizes))
    filled = np.cumsum(sizes[order])
    count = min(int(np.searchsorted(filled, share * len(y))) + 1, len(sizes) - 1)
    mine = np.isin(np.ravel(block_of), order[:count])
    validation[y[mine], x[mine]] = True
    return validation


def _keeps_half(classes: NDArray[np.integer], validation: Mask, train: Mask) -> bool:
    size = int(classes.max()) + 1
    left = np.bincount(classes[train], minlength=size)
    outside = np.bincount(classes[(classes > 0) & ~validation], minlength=size)
    return bool(np.all(left[1:] * 2 >= outside[1:]))
