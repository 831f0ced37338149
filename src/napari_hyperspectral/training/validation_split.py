"""The validation split: blocks of images or whole examples, never the last of a class.

`stratify` says how blocks are chosen, `splits` how groups are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from ..axis import ChannelAxis
from ..recipe.recipe import Recipe
from ..spectra.arrays import Indices, Mask
from ..tasks import Example
from .clusters import split_classes
from .splits import Integers, Kept, Split, block_split, group_split
from .stratify import guarded, stratified_blocks


class UnitsError(ValueError):
    """No image, or group, can be held out whole."""

    def __init__(self, recipe: Recipe, *, grouped: bool) -> None:
        unit = "group" if grouped else "image"
        message = (
            f"no {unit} can be held out whole: each has a class that no other has; give more of "
            "these classes, or set validation to 0"
        )
        if not recipe.task.image_level:
            message += ", or hold out blocks, of examples without groups"
        super().__init__(message)


def splits_of(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    """Return the training and validation pixels of each example.

    Where examples are listed for validation, those are held out whole, and nothing else is. Where
    examples are of several groups, whole groups are held out. Else the recipe decides; what has no
    blocks, as a single spectrum, is held out whole. All planes of an image share a split. Blocks
    hold about the same share of each class, or of each cluster of spectra where intensities are
    predicted.

    Raises
    ------
    ValueError
        If the recipe or groups ask for whole examples and none can be held out, or a class would
        not be in training.
    """
    listed = [example.for_validation for example in examples]
    if any(listed):
        splits = split_by_example(examples, listed)
    elif in_blocks(recipe, examples):
        splits = _blocks(recipe, examples)
    else:
        held_out = _held_out_examples(recipe, examples)
        splits = split_by_example(examples, held_out)
    _check_classes_in_training(recipe, examples, splits)
    return splits


def former_splits(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    """Return the splits as version 0.1 made them, to go on with a training that it began.

    Blocks were drawn class by class, and over one class where intensities are predicted.
    """
    listed = any(example.for_validation for example in examples)
    if listed or not in_blocks(recipe, examples):
        return splits_of(recipe, examples)
    training = recipe.training
    splits = []
    for example in examples:
        split = block_split(
            example.sampling_classes.max(axis=0),
            training.validation,
            block=training.block,
            guard=training.guard,
            seed=training.seed,
        )
        splits.append(split)
    return _with_uncut(recipe, examples, splits)


def validation_line(examples: Sequence[Example], splits: Sequence[Split]) -> str:
    """Return in words what is held out; nothing where nothing is."""
    cut: list[Example] = []  # with training and validation pixels
    complete: list[Example] = []  # with validation pixels only
    training_groups = set[str]()
    for example, split in zip(examples, splits, strict=True):
        trains = split.train.any()
        validates = split.validation.any()
        if trains:
            training_groups.add(example.group)
        if trains and validates:
            cut.append(example)
        elif validates:
            complete.append(example)
    parts = []
    count = len(examples)
    if cut:
        parts.append(f"blocks of {len(cut)} of {count} images")
    if complete:
        part = f"{len(complete)} of {count} examples as a whole"
        if any(example.for_validation for example in complete):
            part += ", as listed"
        parts.append(part)
    groups = {example.group for example in (*cut, *complete)}
    groups.discard("")  # examples without a group
    parts += _group_parts(groups, training_groups)
    return "; ".join([*parts, *_kept_parts(splits)])


def _kept_parts(splits: Sequence[Split]) -> list[str]:
    """Return in words what is left of the class, or cluster, that loses most to a split."""
    fractions: list[tuple[float, Kept]] = []
    for split in splits:
        if not split.validation.any():
            continue
        for kept in split.kept:
            fractions.append((kept.train / kept.all, kept))
    if not fractions:
        return []
    _, least = min(fractions)
    return [
        f"the class or cluster of spectra that loses most trains on {least.train} of {least.all}"
    ]


def _group_parts(groups: Set[str], training_groups: Set[str]) -> list[str]:
    """Return in words which groups are held out, and which of them are trained on as well."""
    separate = sorted(groups - training_groups)
    shared = sorted(groups & training_groups)
    parts = []
    if separate:
        parts.append(f"all of {', '.join(separate)}")
    if shared:
        parts.append(f"{', '.join(shared)} on both sides, there being no other group")
    return parts


def in_blocks(recipe: Recipe, examples: Sequence[Example]) -> bool:
    """Return whether blocks of images are held out, and not whole examples."""
    if recipe.training.validation_split != "blocks" or recipe.task.image_level:
        return False
    return not _several_groups(examples)


def _several_groups(examples: Sequence[Example]) -> bool:
    groups = {example.group for example in examples}
    return len(groups) > 1


def split_by_example(examples: Sequence[Example], held_out: Sequence[bool]) -> list[Split]:
    """Return splits that put all of an example on one side."""
    splits = []
    for example, out in zip(examples, held_out, strict=True):
        classes = example.sampling_classes.max(axis=0)
        usable = classes > 0  # (y, x), of any plane
        nothing = np.zeros_like(usable)
        split = Split(validation=nothing, train=usable, guard=0)
        if out:
            split = Split(validation=usable, train=nothing, guard=0)
        splits.append(split)
    return splits


def division(
    recipe: Recipe,
    examples: Sequence[Example],
    shares: Sequence[float],
) -> Iterator[tuple[NDArray[np.int64], Integers]]:
    """Yield of each example the classes it is divided by, (plane, y, x), and its parts, (y, x).

    A pixel that is the only one of its class is in no part: -1.
    """
    training = recipe.training
    for index, example in enumerate(examples):
        classes = split_classes(recipe.task, example, seed=training.seed)
        block = training.block
        if is_list(example):
            block = 1
        # small examples of one seed would all fill the same parts
        parts = stratified_blocks(classes, shares, block=block, seed=(training.seed, index))
        parts[_alone(classes)] = -1
        yield classes, parts


def guard_of(recipe: Recipe, example: Example) -> int:
    """Return the width of the guard band of an example, in pixels; spectra of a list need none."""
    if is_list(example):
        return 0
    return recipe.training.guard


def is_list(example: Example) -> bool:
    """Return whether an example is a list of spectra: one row, of pixels without a size."""
    return example.input.shape[-2] == 1 and example.pixel_unit is None


def _alone(classes: NDArray[np.int64]) -> Mask:
    """Return which pixels are the only ones of a class, shape (y, x)."""
    counts = np.bincount(classes.ravel())
    single = counts == 1
    single[0] = False  # no class
    alone: Mask = single[classes].any(axis=0)
    return alone


def _blocks(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    """Return splits that hold out blocks, and whole examples of those that have no blocks."""
    share = recipe.training.validation
    splits = []
    if share == 0:
        return split_by_example(examples, [False] * len(examples))
    divided = division(recipe, examples, (share, 1 - share))
    for example, (classes, parts) in zip(examples, divided, strict=True):
        split = guarded(classes, parts == 0, guard_of(recipe, example), share)
        splits.append(split)
    return _with_uncut(recipe, examples, splits)


def _with_uncut(
    recipe: Recipe, examples: Sequence[Example], splits: Sequence[Split]
) -> list[Split]:
    """Return splits in which some of the examples that have no blocks are held out whole."""
    splits = list(splits)
    single = []
    for index, split in enumerate(splits):
        if not split.validation.any():
            single.append(index)
    # one alone would be lost to training
    if len(single) > 1:
        without_blocks = [examples[index] for index in single]
        units = one_by_one(without_blocks)
        held_out = _draw_units(recipe, without_blocks, units)
        uncut = split_by_example(without_blocks, held_out)
        for index, split in zip(single, uncut, strict=True):
            splits[index] = split
    return splits


def _held_out_examples(recipe: Recipe, examples: Sequence[Example]) -> list[bool]:
    """Return which examples are held out whole, each with all others of its group."""
    training = recipe.training
    held_out = _draw_units(recipe, examples, units_of(recipe, examples))
    grouped = _several_groups(examples)
    asked_for = training.validation_split != "blocks" or grouped
    required = training.validation > 0 and asked_for
    if required and not any(held_out):
        raise UnitsError(recipe, grouped=grouped)
    return held_out


def units_of(recipe: Recipe, examples: Sequence[Example]) -> list[str]:
    """Return the unit of each example: those of one unit are on one side of a split."""
    if recipe.training.validation_split == "groups":
        return [example.group for example in examples]
    units = one_by_one(examples)
    if _several_groups(examples):  # examples without a group are units by themselves
        for index, example in enumerate(examples):
            if example.group:
                units[index] = f"group {example.group}"
    return units


def one_by_one(examples: Sequence[Example]) -> list[str]:
    """Return a unit to hold out for each example by itself."""
    return [f"image {index:06}" for index in range(len(examples))]


def _draw_units(
    recipe: Recipe,
    examples: Sequence[Example],
    units: Sequence[str],
) -> list[bool]:
    """Return which examples are held out, in whole units, so that each class stays in training."""
    listed_units = []
    listed_classes = []
    for unit, example in zip(units, examples, strict=True):
        for class_id in classes_in(example.sampling_classes):
            listed_units.append(unit)
            listed_classes.append(int(class_id))
    training = recipe.training
    chosen = group_split(
        listed_units,
        listed_classes,
        training.validation,
        training.seed,
    )
    held_out = set()
    for unit, out in zip(listed_units, chosen, strict=True):
        if out:
            held_out.add(unit)
    return [unit in held_out for unit in units]


def classes_in(sampling_classes: NDArray[np.int64]) -> Indices:
    """Return the sampling classes, from 1, that occur in any array of them."""
    flat = sampling_classes.ravel()
    counts = np.bincount(flat, minlength=1)
    return np.flatnonzero(counts[1:]) + 1


def _check_classes_in_training(
    recipe: Recipe,
    examples: Sequence[Example],
    splits: Sequence[Split],
) -> None:
    """Refuse a split that leaves no training pixel of a class."""
    present = set[int]()
    trained = set[int]()
    for example, split in zip(examples, splits, strict=True):
        classes = example.sampling_classes  # (plane, y, x)
        training_classes = classes[:, split.train]  # (plane, pixel)
        present.update(classes_in(classes).tolist())
        trained.update(classes_in(training_classes).tolist())
    lost = sorted(present - trained)
    if not lost:
        return
    longest = max((example.output_axis for example in examples), key=len)
    if recipe.task.predicts_intensities or not isinstance(longest, ChannelAxis):
        raise ValueError("all examples are held out; keep some of them for training")
    lost_names = [longest.names[class_id - 1] for class_id in lost]
    names = ", ".join(lost_names)
    raise ValueError(
        f"all of class {names} is held out; keep some of it for training, hold out less, or try "
        "another seed"
    )
