"""What a network is shown in training, as images that people can look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..axis import ChannelAxis
from ..cube import Cube, Image, Labels
from ..recipe.augmentation import Batch
from ..recipe.recipe import Recipe
from ..tasks import Example, Task
from ..tasks.super_resolution import SuperResolutionTask
from .batches import batches_of
from .validation_split import splits_of


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
        "input" and "target", which are lists of spectra for networks that see single ones; else
        "1 input", "1 target", "2 input" … for each image of the batch.

    Raises
    ------
    ValueError
        If there is no example, or nothing to learn from.
    """
    if not examples:
        raise ValueError("there is nothing to train on: give at least one example")
    examples = recipe.task.unify_classes(examples)
    batches = batches_of(recipe, examples, splits_of(recipe, examples), torch.device("cpu"))
    batch = next(batches.epoch(epoch - 1), None)
    if batch is None:
        raise ValueError("nothing is left to learn from; hold out less")
    if batch.input.shape[-2:] == (1, 1):
        listed = Batch(*(part[:, :, 0, 0].T[None, :, None] for part in batch))  # (1, band, 1, n)
        return _shown(recipe.task, examples, listed, 0, "")
    return {
        name: image
        for index in range(len(batch.input))
        for name, image in _shown(recipe.task, examples, batch, index, f"{index + 1} ").items()
    }


def names_shown(recipe: Recipe) -> list[str]:
    """Return what `preview_of` calls its images; where there is little to show, it has fewer."""
    numbers = [""] if recipe.per_spectrum else [f"{i + 1} " for i in range(recipe.image_batch_size)]
    return [f"{number}{what}" for number in numbers for what in ("input", "target")]


def _shown(
    task: Task, examples: Sequence[Example], batch: Batch, index: int, number: str
) -> dict[str, Image]:
    """Return one image of a batch, and what is wanted of it."""
    first = examples[0]
    input = batch.input[index].numpy()
    cube = Cube(
        input,
        first.input_axis,
        pixel_size=first.pixel_size,
        pixel_unit=first.pixel_unit,
        name=f"{number}input",
        history=("as shown in training",),
    )
    return {cube.name: cube, f"{number}target": _wanted(task, examples, batch, index, cube)}


def _wanted(task: Task, examples: Sequence[Example], batch: Batch, index: int, cube: Cube) -> Image:
    target: NDArray[np.float32] = batch.target[index].numpy()
    output_axis = max((example.output_axis for example in examples), key=len)
    name = cube.name.replace("input", "target")
    if task.predicts_intensities:
        height, width = (side / task.upscaling for side in cube.pixel_size)
        # of the first coarse pixel, in fine ones: both images lie on each other
        down, right = (
            task.degradation_model.first_centre
            if isinstance(task, SuperResolutionTask)
            else (0.0, 0.0)
        )
        return cube.after(
            "as wanted",
            data=target,
            axis=output_axis,
            pixel_size=(height, width),
            origin=(-down * height, -right * width),
            name=name,
        )
    assert isinstance(output_axis, ChannelAxis)
    classes = target[0]
    if len(target) > 1:  # mixed: the greater part
        classes = np.where(target.any(axis=0), target.argmax(axis=0) + 1, 0)
    ids = np.broadcast_to(classes, cube.shape[-2:] if task.image_level else classes.shape)
    return Labels(
        ids.astype(np.uint16),
        output_axis.names,
        pixel_size=cube.pixel_size,
        pixel_unit=cube.pixel_unit,
        name=name,
        history=cube.history,
    )
