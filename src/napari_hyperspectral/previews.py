"""What a network is shown in training, as images that people can look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .augmentation import Batch
from .axis import ChannelAxis
from .batches import batches_of
from .cube import Cube, Image, Labels
from .holding_out import splits_of
from .recipe import Recipe
from .tasks import Example, Task
from .tasks.finer import FinerTask


def preview_of(recipe: Recipe, examples: Sequence[Example], epoch: int = 1) -> dict[str, Image]:
    """Return the first batch of an epoch, prepared and varied as in training.

    Parameters
    ----------
    recipe : Recipe
        Says how.
    examples : sequence of Example
        What ``recipe.example(…)`` gave.
    epoch : int
        Counted from 1; each varies in its own way.

    Returns
    -------
    dict of str to Cube or Labels
        "given" and "wanted", which are lists of spectra for networks that see single ones; else
        "1 given", "1 wanted", "2 given" … for each image of the batch.

    Raises
    ------
    ValueError
        If there is no example, or nothing to learn from.
    """
    if not examples:
        raise ValueError("there is nothing to train on: give at least one example")
    examples = recipe.task.agreed(examples)
    batches = batches_of(recipe, examples, splits_of(recipe, examples), torch.device("cpu"))
    batch = next(batches.epoch(epoch - 1), None)
    if batch is None:
        raise ValueError("nothing is left to learn from; hold out less")
    if batch.given.shape[-2:] == (1, 1):
        listed = Batch(*(part[:, :, 0, 0].T[None, :, None] for part in batch))  # (1, band, 1, n)
        return _shown(recipe.task, examples, listed, 0, "")
    return {
        name: image
        for index in range(len(batch.given))
        for name, image in _shown(recipe.task, examples, batch, index, f"{index + 1} ").items()
    }


def names_shown(recipe: Recipe) -> list[str]:
    """Return what `preview_of` calls its images; where there is little to show, it has fewer."""
    numbers = [""] if recipe.apart else [f"{i + 1} " for i in range(recipe.together)]
    return [f"{number}{what}" for number in numbers for what in ("given", "wanted")]


def _shown(
    task: Task, examples: Sequence[Example], batch: Batch, index: int, number: str
) -> dict[str, Image]:
    """Return one image of a batch, and what is wanted of it."""
    first = examples[0]
    given = batch.given[index].numpy()
    cube = Cube(
        given,
        first.takes,
        pixel_size=first.pixel_size,
        pixel_unit=first.pixel_unit,
        name=f"{number}given",
        history=("as shown in training",),
    )
    return {cube.name: cube, f"{number}wanted": _wanted(task, examples, batch, index, cube)}


def _wanted(task: Task, examples: Sequence[Example], batch: Batch, index: int, cube: Cube) -> Image:
    wanted: NDArray[np.float32] = batch.wanted[index].numpy()
    gives = max((example.gives for example in examples), key=len)
    name = cube.name.replace("given", "wanted")
    if task.intensities:
        height, width = (side / task.enlarges for side in cube.pixel_size)
        # of the first coarse pixel, in fine ones: both images lie on each other
        down, right = task.degrades.offset if isinstance(task, FinerTask) else (0.0, 0.0)
        return cube.after(
            "as wanted",
            data=wanted,
            axis=gives,
            pixel_size=(height, width),
            origin=(-down * height, -right * width),
            name=name,
        )
    assert isinstance(gives, ChannelAxis)
    classes = wanted[0]
    if len(wanted) > 1:  # mixed: the greater part
        classes = np.where(wanted.any(axis=0), wanted.argmax(axis=0) + 1, 0)
    ids = np.broadcast_to(classes, cube.shape[-2:] if task.whole else classes.shape)
    return Labels(
        ids.astype(np.uint16),
        gives.names,
        pixel_size=cube.pixel_size,
        pixel_unit=cube.pixel_unit,
        name=name,
        history=cube.history,
    )
