"""Cross-validation over blocks: how the settings of classical methods are chosen.

Neighbouring spectra are nearly copies of each other, so folds are made of whole blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..spectra.arrays import Mask

_BLOCK: Final = 8
"""Least side of the blocks, in pixels."""
_FOLDS: Final = 5
_GROWTHS: Final = 4
"""How often a grid is searched; it grows in between."""

Setting = TypeVar("Setting")
ParameterGrid: TypeAlias = tuple[float, ...]
"""Values of a setting to try, in rising order, each ten times the one before."""
BlockNumbers: TypeAlias = NDArray[np.integer]
"""Block that each spectrum lies in, shape (spectrum,)."""


class Fold(NamedTuple):
    """Indices of spectra, each of shape (spectrum,)."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]


def blocks_of(train: Mask, receptive_radius: int = 0) -> BlockNumbers:
    """Return the block of each training pixel, (pixel,), row by row of a mask, (y, x).

    Blocks are as wide as the receptive radius, but not narrower than 8 pixels.
    """
    side = max(_BLOCK, receptive_radius)
    height, _ = train.shape
    y, x = np.nonzero(train)
    row = y // side
    column = x // side
    # there are fewer rows of blocks than of pixels, so that numbers are unique
    block: BlockNumbers = column * height + row
    return block


def block_folds(block: BlockNumbers, most: int = _FOLDS) -> Iterator[Fold]:
    """Yield at most so many folds of whole blocks; of a single block, its two halves."""
    blocks = np.unique(block)
    if len(blocks) < 2:  # there is nothing to validate on but its own other half
        block = _pieces(len(block), 2)
        blocks = np.unique(block)
    count = min(most, len(blocks))
    for some in np.array_split(blocks, count):
        validation = np.isin(block, some)
        if not validation.all():
            train = np.flatnonzero(~validation)
            yield Fold(train, np.flatnonzero(validation))


def class_folds(
    classes: NDArray[np.int64],
    block: BlockNumbers,
    seed: int = 0,
    count: int = 3,
) -> Iterator[Fold]:
    """Yield folds over which the blocks of each class are distributed as evenly as possible.

    A class that lies in a single block is cut into consecutive pieces.

    Parameters
    ----------
    classes, block : ndarray of int, shape (spectrum,)
    seed : int
        Equal seeds give equal folds.
    count : int
        How many folds.
    """
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(classes), np.intp)
    for number in np.unique(classes):
        members = np.flatnonzero(classes == number)
        piece: BlockNumbers
        _, piece = np.unique(block[members], return_inverse=True)
        if piece.max() == 0:  # every fold must have the class to learn from
            piece = _pieces(len(members), count)
        # shuffled by class: the first fold must not get the first block of each
        shuffled = rng.permutation(piece.max() + 1)
        fold[members] = shuffled[piece] % count
    for number in range(count):
        train = np.flatnonzero(fold != number)
        validation = np.flatnonzero(fold == number)
        trained_classes = np.unique(classes[train])
        # a classifier needs two classes to learn from
        if len(validation) and len(trained_classes) > 1:
            yield Fold(train, validation)


def least_mean(errors: Mapping[Setting, Sequence[float]]) -> Setting:
    """Return the setting of least mean error, of those that every fold could try."""
    # small folds have fewer components, and so fewer ranks to try
    folds = max(map(len, errors.values()))
    means: dict[Setting, float] = {}
    for setting, each in errors.items():
        if len(each) == folds:
            mean = np.mean(each)
            means[setting] = float(mean)
    return min(means, key=lambda setting: means[setting])


def smoothest_of_best(scores: Mapping[Setting, Sequence[float]]) -> Setting:
    """Return the first setting whose score is as good as the best, by the one-standard-error rule.

    Scores are compared fold by fold, so that folds may differ in how hard they are. Source:
    Breiman et al. 1984, Classification and Regression Trees, section 3.4.3,
    https://doi.org/10.1201/9781315139470

    Parameters
    ----------
    scores : mapping of setting to sequence of float
        The score of each fold, higher is better; settings in order, the smoothest first.
    """
    best = np.array(max(scores.values(), key=np.mean))
    for setting, each in scores.items():
        loss = best - np.array(each)
        error = loss.std(ddof=1) / np.sqrt(len(loss)) if len(loss) > 1 else 0.0
        if loss.mean() <= error:
            return setting
    raise AssertionError("the best setting is as good as itself")


def best_of_growing_grid(
    score: Callable[[float, float], float],
    first: ParameterGrid,
    second: ParameterGrid,
) -> tuple[float, float]:
    """Return the pair of highest score of a grid of decades.

    The grid grows while the best pair lies on its edge.
    """
    scores: dict[tuple[float, float], float] = {}
    for _ in range(_GROWTHS):
        for pair in product(first, second):
            # most pairs of a grown grid have a score already
            if pair not in scores:
                scores[pair] = score(*pair)
        best = max(scores, key=lambda pair: scores[pair])
        wider_first = _grown(first, best[0])
        wider_second = _grown(second, best[1])
        if wider_first == first and wider_second == second:
            break
        first = wider_first
        second = wider_second
    return best


def _pieces(size: int, count: int) -> BlockNumbers:
    """Return the piece, from 0, of each member of a list that is cut into equal ones, (size,)."""
    numbers = np.arange(size)
    return numbers * count // max(size, 1)


def _grown(grid: ParameterGrid, best: float) -> ParameterGrid:
    """Return a grid with one decade more where the best value lies on its edge."""
    lowest = grid[0]
    highest = grid[-1]
    if best == lowest:
        return (lowest / 10, *grid)
    if best == highest:
        return (*grid, highest * 10)
    return grid
