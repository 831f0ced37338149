"""Dividing pixels into parts so that every part has its share of every class.

Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011,
https://doi.org/10.1007/978-3-642-23808-6_10) of blocks: a block holds pixels of several classes as
their examples have several labels. Ours: blocks that hold too much of a rare class are cut into
smaller ones, and the guard band is as wide as each class can spare.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_cdt

from ..spectra.arrays import Array, Indices, Mask
from .splits import Integers, Kept, Split

KEPT: Final = 0.6
"""Part of the training pixels of a class that the guard band must leave, at least."""
_ROUNDING: Final = 1e-9


def stratified_blocks(
    classes: NDArray[np.int64],
    shares: Sequence[float],
    *,
    block: int,
    seed: int | Sequence[int],
) -> Integers:
    """Divide an image into parts by blocks; return the part of each pixel, (y, x), -1 unusable.

    Every class that has a pixel for each part is in each.

    Parameters
    ----------
    classes : ndarray of int64, shape (plane, y, x)
        Class of each pixel; 0 is not to be used. Planes share their blocks.
    shares : sequence of float
        Of the pixels, for each part; they sum to 1.
    block : int
        Side of a block in pixels. Where one would hold more of a class than a part may have, it is
        cut into smaller ones.
    seed : int
        Equal seeds make equal parts.
    """
    usable: Mask = np.any(classes > 0, axis=0)  # (y, x)
    parts = np.full(usable.shape, -1, np.int64)
    if not usable.any():
        return parts
    rng = np.random.default_rng(seed)
    in_rows = classes[:, usable]  # (plane, pixel)
    blocks = _blocks(usable, in_rows, shares, block, rng)  # (pixel,)
    part_of_block = stratified(_counts(blocks, in_rows), shares, rng)
    part_of_pixel = part_of_block[blocks]
    _complete(part_of_pixel, blocks, in_rows, len(shares))
    parts[usable] = part_of_pixel
    return parts


def stratified(
    counts: Integers,
    shares: Sequence[float],
    rng: np.random.Generator,
) -> Indices:
    """Divide units, each of which holds several classes; return the part of each unit, (unit,).

    Parameters
    ----------
    counts : ndarray of int, shape (unit, class)
        How many pixels, or spectra, of each class a unit holds.
    shares : sequence of float
        Of the whole, for each part; they sum to 1.
    rng : Generator
        Decides between units, and parts, that suit equally well.
    """
    share = np.array(shares)[:, None]
    totals = counts.sum(axis=0)
    expected = share * np.maximum(totals, 1)  # (part, class)
    lacking = share * totals
    parts = np.full(len(counts), -1, np.intp)
    for class_id in np.argsort(totals, kind="stable"):  # the rarest first
        units = np.flatnonzero((counts[:, class_id] > 0) & (parts < 0))
        for unit in rng.permutation(units):
            unit_counts = counts[unit]
            # growth of each part's chi², the squared deviation from what is expected
            change = unit_counts * (unit_counts - 2 * lacking) / expected
            part = _least(change.sum(axis=1), rng)
            parts[unit] = part
            lacking[part] -= unit_counts
    return parts


def guarded(
    classes: NDArray[np.int64],
    validation: Mask,
    guard: int,
    share: float,
) -> Split:
    """Return the split that validates some pixels and trains on those beyond a guard band.

    The band is narrower for a class of which it would leave less than `KEPT` of the pixels that are
    not held out.

    Parameters
    ----------
    classes : ndarray of int64, shape (plane, y, x)
        Class of each pixel; 0 is not to be used.
    validation : ndarray of bool, shape (y, x)
        What is held out.
    guard : int
        Width of the band, in pixels (Chebyshev distance).
    share : float
        Of each class, that was to be held out.
    """
    distance = np.full(validation.shape, guard + 1)
    if validation.any():
        distance = distance_transform_cdt(~validation, metric="chessboard")
    train = np.zeros_like(validation)
    narrowest = guard if validation.any() else 0
    kept = []
    for class_id in np.unique(classes[classes > 0]):
        present = classes == class_id  # (plane, y, x)
        distances = np.broadcast_to(distance, classes.shape)[present]
        needed = KEPT * (1 - share) * len(distances)
        width = guard
        while width > 0 and (distances > width).sum() < needed:
            width -= 1
        train |= present.any(axis=0) & (distance > width)
        narrowest = min(narrowest, width)
    for class_id in np.unique(classes[classes > 0]):
        present = classes == class_id
        trains = int((present & train).sum())
        kept.append(Kept(trains, int(present.sum())))
    return Split(validation, train, narrowest, tuple(kept))


def _least(values: Array, rng: np.random.Generator) -> int:
    """Return the position of the least value; of several, any."""
    candidates = np.flatnonzero(values <= values.min() + _ROUNDING)
    if len(candidates) > 1:
        return int(rng.choice(candidates))
    return int(candidates[0])


def _blocks(
    usable: Mask,
    classes: NDArray[np.int64],
    shares: Sequence[float],
    block: int,
    rng: np.random.Generator,
) -> Indices:
    """Return the number of the block of each usable pixel, whose classes are (plane, pixel)."""
    shift = rng.integers(block, size=2)  # of the grid of blocks
    y, x = np.nonzero(usable)
    rows, rows_inside = np.divmod(y + shift[0], block)
    columns, columns_inside = np.divmod(x + shift[1], block)
    blocks = _numbered(rows, columns)
    # so that there is a block for each part, and none is twice as large as its part
    limit = min(2 * min(shares), 1 / len(shares))
    while block > 1:
        counts = _counts(blocks, classes)  # (block, class)
        most = np.maximum(limit * counts.sum(axis=0), 1)
        too_large = (counts > most).any(axis=1)
        if not too_large.any():
            break
        block = -(-block // 2)
        row, rows_inside = np.divmod(rows_inside, block)
        column, columns_inside = np.divmod(columns_inside, block)
        quarter = 2 * row + column
        blocks = _numbered(blocks, np.where(too_large[blocks], quarter, 0))
    return blocks


def _numbered(first: Indices, second: Indices) -> Indices:
    """Return a number for each pixel, equal where both numbers are."""
    pairs = first * (int(second.max()) + 1) + second
    _, numbers = np.unique(pairs, return_inverse=True)
    return np.ravel(numbers)


def _counts(blocks: Indices, classes: NDArray[np.int64]) -> Integers:
    """Return the pixels of each class in each block, shape (block, class), without class 0."""
    width = int(classes.max()) + 1
    pairs = blocks * width + classes  # (plane, pixel)
    number = int(blocks.max()) + 1
    counts = np.bincount(pairs.ravel(), minlength=number * width)
    return counts.reshape(number, width)[:, 1:]


def _complete(
    parts: Indices,
    blocks: Indices,
    classes: NDArray[np.int64],
    count: int,
) -> None:
    """Give each part a pixel of each class that has enough of them, in place.

    A class that is everywhere beside a rarer one went where that one was lacking.
    """
    for class_id in np.unique(classes[classes > 0]):
        pixels = np.flatnonzero((classes == class_id).any(axis=0))
        if len(pixels) < count:
            continue
        held = np.bincount(parts[pixels], minlength=count)
        for part in np.flatnonzero(held == 0):
            richest = int(held.argmax())
            of_richest = pixels[parts[pixels] == richest]
            # of one block, as neighbours belong together
            of_block = of_richest[blocks[of_richest] == blocks[of_richest[0]]]
            moved = of_block[: max(1, len(of_richest) // 2)]
            parts[moved] = part
            held[richest] -= len(moved)
            held[part] += len(moved)
