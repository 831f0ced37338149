"""Folds of a cross-validation: guarded blocks, or whole examples, each validated once.

On folds, methods and epochs are compared; nothing else is learned from them, so that the chosen
method may be trained on everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..recipe.recipe import Recipe
from ..spectra.arrays import Indices
from ..tasks import Example
from .splits import Split
from .stratify import guarded, stratified
from .validation_split import (
    classes_in,
    division,
    guard_of,
    in_blocks,
    one_by_one,
    split_by_example,
    splits_of,
    units_of,
)

Fold: TypeAlias = tuple[Split, ...]
"""Training and validation pixels of each example."""
_NEVER = -1
"""Fold of what is not validated."""


class NothingToDivideError(ValueError):
    """There are no two parts to validate in turn."""

    def __init__(self) -> None:
        super().__init__(
            "there is nothing to divide into folds: a single spectrum, image or group, or each with "
            "a class that no other has; give more of them, or choose a method without folds"
        )


def fold_splits(recipe: Recipe, examples: Sequence[Example], count: int) -> list[Fold]:
    """Return folds, each with a split of every example; every usable pixel is validated once.

    Folds are of guarded blocks, of whole examples or of groups, as the recipe has its validation
    split: see `splits_of`. Lists of spectra are divided by single spectra. Every class, or cluster
    of spectra where intensities are predicted, is in the training pixels of each fold; it is in
    the validation pixels of each where it has a pixel, or an example, for each. What is the only
    one of its class is never validated. Where examples are listed for validation, these are the one fold
    there is.

    Parameters
    ----------
    recipe : Recipe
        Task and training: block, guard, seed, validation split; not its share.
    examples : sequence of Example
        With one numbering of classes for all.
    count : int
        Of folds, 2 or more; there are fewer where there is less to divide.

    Raises
    ------
    NothingToDivideError
        If it is a single spectrum, or a single image to be held out whole.
    """
    if count < 2:
        raise ValueError(f"{count} folds divide nothing; ask for 2 or more")
    if any(example.for_validation for example in examples):
        return [tuple(splits_of(recipe, examples))]
    if in_blocks(recipe, examples):
        folds = _folds_of_blocks(recipe, examples, count)
    else:
        units = units_of(recipe, examples)
        numbers = _folds_of_units(recipe, examples, units, count)
        folds = _by_example(examples, numbers, count)
    validated = []
    for fold in folds:
        if any(split.validation.any() for split in fold):
            validated.append(fold)
    if not validated:
        raise NothingToDivideError
    return validated


def folds_line(examples: Sequence[Example], folds: Sequence[Fold]) -> str:
    """Return in words how many folds there are, and what no fold validates."""
    usable = 0
    never = 0
    for index, example in enumerate(examples):
        in_use = (example.sampling_classes > 0).any(axis=0)  # (y, x)
        validated = np.zeros_like(in_use)
        for fold in folds:
            validated |= fold[index].validation
        usable += int(in_use.sum())
        never += int((in_use & ~validated).sum())
    line = f"{len(folds)} folds"
    if len(folds) == 1:
        line = "1 fold"
    if never:
        line += f"; {never} of {usable} pixels are validated in none"
    return line


def _folds_of_blocks(recipe: Recipe, examples: Sequence[Example], count: int) -> list[Fold]:
    """Return folds of blocks, and of whole examples of those that have no blocks."""
    share = 1 / count
    of_examples: list[list[Split]] = []  # (example, fold)
    single = []
    divided = division(recipe, examples, [share] * count)
    for index, (classes, parts) in enumerate(divided):
        guard = guard_of(recipe, examples[index])
        splits = []
        for number in range(count):
            splits.append(guarded(classes, parts == number, guard, share))
        of_examples.append(splits)
        if not any(split.validation.any() for split in splits):
            single.append(index)
    # one alone would be lost to training
    if len(single) > 1:
        uncut = [examples[index] for index in single]
        numbers = _folds_of_units(recipe, uncut, one_by_one(uncut), count)
        by_fold = _by_example(uncut, numbers, count)
        for index, splits_of_one in zip(single, zip(*by_fold, strict=True), strict=True):
            of_examples[index] = list(splits_of_one)
    return list(zip(*of_examples, strict=True))


def _folds_of_units(
    recipe: Recipe,
    examples: Sequence[Example],
    units: Sequence[str],
    count: int,
) -> Indices:
    """Return the fold of each example, all of one unit in the same; -1 is always in training."""
    names, unit_of = np.unique(np.array(units), return_inverse=True)
    highest = max(int(example.sampling_classes.max()) for example in examples)
    counts = np.zeros((len(names), highest), np.int64)  # examples of each class
    for unit, example in zip(unit_of, examples, strict=True):
        counts[unit, classes_in(example.sampling_classes) - 1] += 1
    rng = np.random.default_rng(recipe.training.seed)
    folds = np.full(len(names), _NEVER, np.intp)
    free = _units_not_needed(counts)
    divided = min(count, int(free.sum()))
    if divided > 1:
        folds[free] = stratified(counts[free], [1 / divided] * divided, rng)
    elif divided == 1:
        folds[free] = 0
    for number in range(divided):
        _keep_classes(folds, counts, number)
    return folds[unit_of]


def _units_not_needed(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which units have no class, of (unit, class), that is in no other unit."""
    present = counts > 0
    in_one_only = present.sum(axis=0) == 1  # (class,)
    needed: NDArray[np.bool_] = (present & in_one_only).any(axis=1)
    return ~needed


def _keep_classes(folds: Indices, counts: NDArray[np.int64], number: int) -> None:
    """Leave units of a fold in training where it would hold out all of a class, in place."""
    for unit in np.flatnonzero(folds == number):
        in_training = counts[folds != number].sum(axis=0) > 0
        if not in_training[counts[unit] > 0].all():
            folds[unit] = _NEVER


def _by_example(examples: Sequence[Example], numbers: Indices, count: int) -> list[Fold]:
    """Return folds that hold out whole examples, each in the fold of its number."""
    folds = []
    for number in range(count):
        held_out = [bool(each == number) for each in numbers]
        folds.append(tuple(split_by_example(examples, held_out)))
    return folds
