"""The validation split: blocks of images or whole examples, never the last of a class.

`splits` says how blocks and groups are chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..axis import ChannelAxis
from ..recipe.recipe import Recipe
from ..tasks import Example
from .splits import Split, block_split, group_split


def splits_of(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    """Return the training and validation pixels of each example.

    Where examples are listed for validation, those are held out whole, and nothing else is. Where
    examples are of several groups, whole groups are held out. Else the recipe decides; what has no
    blocks, as a single spectrum, is held out whole. All planes of an image share a split.

    Raises
    ------
    ValueError
        If the recipe or groups ask for whole examples and none can be held out, or a class would
        not be in training.
    """
    listed = [example.for_validation for example in examples]
    if any(listed):
        splits = _split_by_example(examples, listed)
    elif _in_blocks(recipe, examples):
        splits = _blocks(recipe, examples)
    else:
        splits = _split_by_example(examples, _held_out_examples(recipe, examples))
    _check_classes_in_training(recipe, examples, splits)
    return splits


def validation_line(examples: Sequence[Example], splits: Sequence[Split]) -> str:
    """Return in words what is held out; nothing where nothing is."""
    cut: list[Example] = []  # with training and validation pixels
    complete: list[Example] = []  # with validation pixels only
    training_groups = set[str]()
    for example, split in zip(examples, splits, strict=True):
        trains = split.train.any()
        if trains:
            training_groups.add(example.group)
        if split.validation.any():
            side = cut if trains else complete
            side.append(example)
    parts = []
    if cut:
        parts.append(f"blocks of {len(cut)} of {len(examples)} images")
    if complete:
        listed = ", as listed" * any(example.for_validation for example in complete)
        parts.append(f"{len(complete)} of {len(examples)} examples as a whole{listed}")
    groups = sorted({example.group for example in (*cut, *complete) if example.group})
    separate = [group for group in groups if group not in training_groups]
    shared = [group for group in groups if group in training_groups]
    if separate:
        parts.append(f"all of {', '.join(separate)}")
    if shared:
        parts.append(f"{', '.join(shared)} on both sides, there being no other group")
    return "; ".join(parts)


def _in_blocks(recipe: Recipe, examples: Sequence[Example]) -> bool:
    """Return whether blocks of images are held out, and not whole examples."""
    if recipe.training.validation_split != "blocks" or recipe.task.image_level:
        return False
    return not _several_groups(examples)


def _several_groups(examples: Sequence[Example]) -> bool:
    return len({example.group for example in examples}) > 1


def _split_by_example(examples: Sequence[Example], held_out: Sequence[bool]) -> list[Split]:
    """Return splits that put all of an example on one side."""
    splits = []
    for example, out in zip(examples, held_out, strict=True):
        usable = example.sampling_classes.max(axis=0) > 0  # (y, x), of any plane
        nothing = np.zeros_like(usable)
        splits.append(Split(usable, nothing, 0) if out else Split(nothing, usable, 0))
    return splits


def _blocks(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    """Return splits that hold out blocks, and whole examples of those that have no blocks."""
    training = recipe.training
    splits = []
    for example in examples:
        classes = example.sampling_classes.max(axis=0)  # (y, x): planes share their blocks
        split = block_split(
            classes,
            training.validation,
            block=training.block,
            guard=training.guard,
            seed=training.seed,
        )
        splits.append(split)
    single = [index for index, split in enumerate(splits) if not split.validation.any()]
    if len(single) > 1:
        without_blocks = [examples[index] for index in single]
        units = _one_by_one(without_blocks)
        held_out = _draw_units(recipe, without_blocks, units)
        for index, split in zip(single, _split_by_example(without_blocks, held_out), strict=True):
            splits[index] = split
    return splits


def _held_out_examples(recipe: Recipe, examples: Sequence[Example]) -> list[bool]:
    """Return which examples are held out whole, each with all others of its group."""
    training = recipe.training
    grouped = _several_groups(examples)
    units = _one_by_one(examples)
    if training.validation_split == "groups":
        units = [example.group for example in examples]
    elif grouped:  # examples without a group are units by themselves
        for index, example in enumerate(examples):
            if example.group:
                units[index] = f"group {example.group}"
    held_out = _draw_units(recipe, examples, units)
    required = training.validation > 0 and (training.validation_split != "blocks" or grouped)
    if required and not any(held_out):
        unit = "group" if grouped else "image"
        or_blocks = ", or hold out blocks, of examples without groups"
        raise ValueError(
            f"no {unit} can be held out whole: each has a class that no other has; give more of "
            "these classes, or set validation to 0" + or_blocks * (not recipe.task.image_level)
        )
    return held_out


def _one_by_one(examples: Sequence[Example]) -> list[str]:
    """Return a unit to hold out for each example by itself."""
    return [f"image {index:06}" for index in range(len(examples))]


def _draw_units(recipe: Recipe, examples: Sequence[Example], units: Sequence[str]) -> list[bool]:
    """Return which examples are held out, in whole units, so that each class stays in training."""
    listed_units = []
    listed_classes = []
    for unit, example in zip(units, examples, strict=True):
        for class_id in _classes_in(example.sampling_classes):
            listed_units.append(unit)
            listed_classes.append(int(class_id))
    training = recipe.training
    chosen = group_split(listed_units, listed_classes, training.validation, training.seed)
    held_out = {unit for unit, out in zip(listed_units, chosen, strict=True) if out}
    return [unit in held_out for unit in units]


def _classes_in(sampling_classes: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the sampling classes, from 1, that occur in any array of them."""
    counts = np.bincount(sampling_classes.ravel(), minlength=1)
    return np.flatnonzero(counts[1:]) + 1


def _check_classes_in_training(
    recipe: Recipe, examples: Sequence[Example], splits: Sequence[Split]
) -> None:
    """Refuse a split that leaves no training pixel of a class."""
    present = set[int]()
    trained = set[int]()
    for example, split in zip(examples, splits, strict=True):
        present.update(_classes_in(example.sampling_classes).tolist())
        trained.update(_classes_in(example.sampling_classes[:, split.train]).tolist())
    lost = sorted(present - trained)
    if not lost:
        return
    longest = max((example.output_axis for example in examples), key=len)
    if recipe.task.predicts_intensities or not isinstance(longest, ChannelAxis):
        raise ValueError("all examples are held out; keep some of them for training")
    names = ", ".join(longest.names[class_id - 1] for class_id in lost)
    raise ValueError(
        f"all of class {names} is held out; keep some of it for training, hold out less, or try "
        "another seed"
    )
