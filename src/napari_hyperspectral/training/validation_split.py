"""What a training holds out: blocks of its images or whole examples, never the last of a class.

How blocks and groups are drawn is said in `splits`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..axis import ChannelAxis
from ..recipe.recipe import Recipe
from ..tasks import Example
from .splits import Split, block_split, draw_groups


def splits_of(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    """Return which pixels a training holds out (`validation`) and which it learns from (`train`).

    Examples that are there to validate are held out whole, and nothing else is. Where examples
    are of several groups, whole groups are held out. Else it is as the recipe says; what has no
    blocks, as a single spectrum, is held out whole. Where a plane lies behind another, both hold
    out the same pixels.

    Raises
    ------
    ValueError
        If nothing can be held out whole that the recipe or groups want so, or a class would be
        held out altogether.
    """
    if any(example.for_validation for example in examples):
        splits = _whole(examples, [example.for_validation for example in examples])
    elif (
        recipe.training.validation_split != "blocks"
        or recipe.task.image_level
        or _grouped(examples)
    ):
        splits = _whole(examples, _chosen_examples(recipe, examples))
    else:
        splits = _blocks(recipe, examples)
    _check_all_are_taught(recipe, examples, splits)
    return splits


def validation_line(examples: Sequence[Example], splits: Sequence[Split]) -> str:
    """Return in words what is held out; nothing where nothing is."""
    both = list(zip(examples, splits, strict=True))
    cut = [e for e, split in both if split.validation.any() and split.train.any()]
    whole = [e for e, split in both if split.validation.any() and not split.train.any()]
    train = {e.group for e, split in both if split.train.any()}
    told = []
    if cut:
        told.append(f"blocks of {len(cut)} of {len(examples)} images")
    if whole:
        listed = ", as listed" * any(example.for_validation for example in whole)
        told.append(f"{len(whole)} of {len(examples)} examples as a whole{listed}")
    held = sorted({e.group for e in (*cut, *whole) if e.group})
    separate_groups = [group for group in held if group not in train]
    if separate_groups:
        told.append(f"all of {', '.join(separate_groups)}")
    if len(separate_groups) < len(held):
        torn = ", ".join(group for group in held if group in train)
        told.append(f"{torn} on both sides, there being no other group")
    return "; ".join(told)


def _grouped(examples: Sequence[Example]) -> bool:
    return len({example.group for example in examples}) > 1


def _whole(examples: Sequence[Example], validation: Sequence[bool]) -> list[Split]:
    kinds = (example.sampling_classes.max(axis=0) for example in examples)
    return [
        Split((kind > 0) & out, (kind > 0) & ~np.bool_(out), 0)
        for kind, out in zip(kinds, validation, strict=True)
    ]


def _blocks(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    training = recipe.training
    splits = [
        block_split(
            example.sampling_classes.max(axis=0),
            training.validation,
            block=training.block,
            guard=training.guard,
            seed=training.seed,
        )
        for example in examples
    ]
    single = [i for i, split in enumerate(splits) if not split.validation.any()]
    if len(single) > 1:
        some = [examples[i] for i in single]
        validation = _validation_examples(recipe, some, _alone(some))
        for i, split in zip(single, _whole(some, validation), strict=True):
            splits[i] = split
    return splits


def _chosen_examples(recipe: Recipe, examples: Sequence[Example]) -> list[bool]:
    """Return which examples are held out whole, with all others of their group."""
    validation_split, grouped = recipe.training.validation_split, _grouped(examples)
    if validation_split == "groups":
        units = [example.group for example in examples]
    elif grouped:
        units = [
            f"group {example.group}" if example.group else alone
            for example, alone in zip(examples, _alone(examples), strict=True)
        ]
    else:
        units = _alone(examples)
    validation = _validation_examples(recipe, examples, units)
    target = recipe.training.validation > 0 and (validation_split != "blocks" or grouped)
    if target and not any(validation):
        raise ValueError(
            f"no {'group' if grouped else 'image'} can be held out whole: each has a class that no "
            f"other has; give more of these classes, or set validation to 0{_or_blocks(recipe)}"
        )
    return validation


def _or_blocks(recipe: Recipe) -> str:
    return "" if recipe.task.image_level else ", or hold out blocks, of examples without groups"


def _alone(examples: Sequence[Example]) -> list[str]:
    """Return a group for each example by itself."""
    return [f"image {i:06}" for i in range(len(examples))]


def _validation_examples(
    recipe: Recipe, examples: Sequence[Example], units: Sequence[str]
) -> list[bool]:
    """Draw whole units of examples, so that each class stays among those that teach."""
    pairs = [
        (unit, int(kind))
        for unit, example in zip(units, examples, strict=True)
        for kind in _kinds(example.sampling_classes)
    ]
    groups, kinds = [unit for unit, _ in pairs], [kind for _, kind in pairs]
    training = recipe.training
    validation = draw_groups(groups, kinds, training.validation, training.seed)
    held = {unit for unit, out in zip(groups, validation, strict=True) if out}
    return [unit in held for unit in units]


def _kinds(sampling_classes: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the numbers, from 1, that are in strata."""
    counts = np.bincount(sampling_classes.ravel(), minlength=1)
    return np.flatnonzero(counts[1:]) + 1


def _check_all_are_taught(
    recipe: Recipe, examples: Sequence[Example], splits: Sequence[Split]
) -> None:
    there, train = set[int](), set[int]()
    for example, split in zip(examples, splits, strict=True):
        there |= set(_kinds(example.sampling_classes).tolist())
        train |= set(_kinds(example.sampling_classes[:, split.train]).tolist())
    lost = sorted(there - train)
    if not lost:
        return
    if recipe.task.predicts_intensities:
        raise ValueError("all examples are held out; keep some of them for training")
    longest = max((example.output_axis for example in examples), key=len)
    assert isinstance(longest, ChannelAxis)
    raise ValueError(
        f"all of class {', '.join(longest.names[kind - 1] for kind in lost)} is held out; keep "
        "some of it for training, hold out less, or try another seed"
    )
