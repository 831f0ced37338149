"""What a training holds out: blocks of its images or whole examples, never the last of a class.

How blocks and groups are drawn is said in `splits`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .axis import ChannelAxis
from .recipe import Recipe
from .splits import Split, block_split, kept_apart
from .tasks import Example


def splits_of(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    """Return which pixels a training holds out (`drawn`) and which it learns from (`rest`).

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
    if any(example.validates for example in examples):
        splits = _whole(examples, [example.validates for example in examples])
    elif recipe.training.hold_out != "blocks" or recipe.task.whole or _grouped(examples):
        splits = _whole(examples, _images_drawn(recipe, examples))
    else:
        splits = _blocks(recipe, examples)
    _check_all_are_taught(recipe, examples, splits)
    return splits


def held_out_line(examples: Sequence[Example], splits: Sequence[Split]) -> str:
    """Return in words what is held out; nothing where nothing is."""
    both = list(zip(examples, splits, strict=True))
    cut = [e for e, split in both if split.drawn.any() and split.rest.any()]
    whole = [e for e, split in both if split.drawn.any() and not split.rest.any()]
    taught = {e.group for e, split in both if split.rest.any()}
    told = []
    if cut:
        told.append(f"blocks of {len(cut)} of {len(examples)} images")
    if whole:
        listed = ", as listed" * any(example.validates for example in whole)
        told.append(f"{len(whole)} of {len(examples)} examples as a whole{listed}")
    held = sorted({e.group for e in (*cut, *whole) if e.group})
    apart = [group for group in held if group not in taught]
    if apart:
        told.append(f"all of {', '.join(apart)}")
    if len(apart) < len(held):
        torn = ", ".join(group for group in held if group in taught)
        told.append(f"{torn} on both sides, there being no other group")
    return "; ".join(told)


def _grouped(examples: Sequence[Example]) -> bool:
    return len({example.group for example in examples}) > 1


def _whole(examples: Sequence[Example], drawn: Sequence[bool]) -> list[Split]:
    kinds = (example.strata.max(axis=0) for example in examples)
    return [
        Split((kind > 0) & out, (kind > 0) & ~np.bool_(out), 0)
        for kind, out in zip(kinds, drawn, strict=True)
    ]


def _blocks(recipe: Recipe, examples: Sequence[Example]) -> list[Split]:
    training = recipe.training
    splits = [
        block_split(
            example.strata.max(axis=0),
            training.validation,
            block=training.block,
            guard=training.guard,
            seed=training.seed,
        )
        for example in examples
    ]
    single = [i for i, split in enumerate(splits) if not split.drawn.any()]
    if len(single) > 1:
        some = [examples[i] for i in single]
        drawn = _drawn_whole(recipe, some, _alone(some))
        for i, split in zip(single, _whole(some, drawn), strict=True):
            splits[i] = split
    return splits


def _images_drawn(recipe: Recipe, examples: Sequence[Example]) -> list[bool]:
    """Return which examples are held out whole, with all others of their group."""
    hold_out, grouped = recipe.training.hold_out, _grouped(examples)
    if hold_out == "groups":
        units = [example.group for example in examples]
    elif grouped:
        units = [
            f"group {example.group}" if example.group else alone
            for example, alone in zip(examples, _alone(examples), strict=True)
        ]
    else:
        units = _alone(examples)
    drawn = _drawn_whole(recipe, examples, units)
    wanted = recipe.training.validation > 0 and (hold_out != "blocks" or grouped)
    if wanted and not any(drawn):
        raise ValueError(
            f"no {'group' if grouped else 'image'} can be held out whole: each has a class that no "
            f"other has; give more of these classes, or set validation to 0{_or_blocks(recipe)}"
        )
    return drawn


def _or_blocks(recipe: Recipe) -> str:
    return "" if recipe.task.whole else ", or hold out blocks, of examples without groups"


def _alone(examples: Sequence[Example]) -> list[str]:
    """Return a group for each example by itself."""
    return [f"image {i:06}" for i in range(len(examples))]


def _drawn_whole(recipe: Recipe, examples: Sequence[Example], units: Sequence[str]) -> list[bool]:
    """Draw whole units of examples, so that each class stays among those that teach."""
    pairs = [
        (unit, int(kind))
        for unit, example in zip(units, examples, strict=True)
        for kind in _kinds(example.strata)
    ]
    groups, kinds = [unit for unit, _ in pairs], [kind for _, kind in pairs]
    training = recipe.training
    drawn = kept_apart(groups, kinds, training.validation, training.seed)
    held = {unit for unit, out in zip(groups, drawn, strict=True) if out}
    return [unit in held for unit in units]


def _kinds(strata: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the numbers, from 1, that are in strata."""
    counts = np.bincount(strata.ravel(), minlength=1)
    return np.flatnonzero(counts[1:]) + 1


def _check_all_are_taught(
    recipe: Recipe, examples: Sequence[Example], splits: Sequence[Split]
) -> None:
    there, taught = set[int](), set[int]()
    for example, split in zip(examples, splits, strict=True):
        there |= set(_kinds(example.strata).tolist())
        taught |= set(_kinds(example.strata[:, split.rest]).tolist())
    lost = sorted(there - taught)
    if not lost:
        return
    if recipe.task.intensities:
        raise ValueError("all examples are held out; keep some of them for training")
    longest = max((example.gives for example in examples), key=len)
    assert isinstance(longest, ChannelAxis)
    raise ValueError(
        f"all of class {', '.join(longest.names[kind - 1] for kind in lost)} is held out; keep "
        "some of it for training, hold out less, or try another seed"
    )
