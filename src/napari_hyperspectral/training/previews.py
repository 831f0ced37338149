"""The first batch of a training, as images to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..cube import Cube, Image, Labels
from ..recipe.augmentation import Batch
from ..recipe.recipe import Recipe
from ..tasks import Example, Task
from .batches import batches_of
from .plan import TrainingPlan, plan_training


def preview_of(
    recipe: Recipe,
    examples: Sequence[Example],
    epoch: int = 1,
) -> dict[str, Image]:
    """Return the first batch of an epoch, preprocessed and augmented as in training.

    Parameters
    ----------
    recipe : Recipe
        Task, network, augmentation, training.
    examples : sequence of Example
        From ``recipe.example(…)``.
    epoch : int
        Counted from 1; each is augmented in its own way.

    Returns
    -------
    dict of str to Cube, (band, y, x), or Labels, (y, x)
        "input" and "target", which are lists of spectra for networks along the spectrum; else
        "1 input", "1 target", "2 input" … for each image of the batch.

    Raises
    ------
    ValueError
        If there is nothing to train on, or as `plan_training` says.
    """
    plan = plan_training(recipe, examples)
    batches = batches_of(plan, torch.device("cpu"))
    batch = next(batches.epoch(epoch - 1), None)
    if batch is None:
        raise ValueError("there are no training pixels; hold out less for validation")
    if recipe.per_spectrum:
        input = _as_row(batch.input)
        target = _as_row(batch.target)
        return _images(plan, Batch(input, target), 0, "")
    images: dict[str, Image] = {}
    for index in range(len(batch.input)):
        images |= _images(plan, batch, index, f"{index + 1} ")
    return images


def preview_names(recipe: Recipe) -> list[str]:
    """Return the names of the images of `preview_of`; of little data, it has fewer."""
    numbers = [""]
    if not recipe.per_spectrum:
        numbers = [f"{index + 1} " for index in range(recipe.image_batch_size)]
    names = []
    for number in numbers:
        names.append(f"{number}input")
        names.append(f"{number}target")
    return names


def _as_row(spectra: Tensor) -> Tensor:
    """Return spectra, (spectrum, band, 1, 1), as an image of one row, (1, band, 1, spectrum)."""
    row = spectra[:, :, 0, 0].T  # (band, spectrum)
    return row[None, :, None]


def _images(
    plan: TrainingPlan,
    batch: Batch,
    index: int,
    number: str,
) -> dict[str, Image]:
    """Return input and target of one image of a batch; `number` begins their names."""
    first = plan.examples[0]
    cube = Cube(
        batch.input[index].numpy(),
        plan.input_axis,
        pixel_size=first.pixel_size,
        pixel_unit=first.pixel_unit,
        name=f"{number}input",
        history=("as shown in training",),
    )
    target = batch.target[index]  # (out, y · scale, x · scale)
    name = f"{number}target"
    shown: Image
    if plan.recipe.task.predicts_intensities:
        shown = _target_cube(plan, target, cube, name)
    else:
        shown = _target_labels(plan, target, cube, name)
    return {cube.name: cube, name: shown}


def _target_cube(
    plan: TrainingPlan,
    target: Tensor,
    input: Cube,
    name: str,
) -> Cube:
    """Return a target of intensities, placed on the input that it belongs to."""
    task: Task = plan.recipe.task
    coarse_height, coarse_width = input.pixel_size
    height = coarse_height / task.upscaling
    width = coarse_width / task.upscaling
    # centre of the first coarse pixel, in fine ones: middle of the block, plus the offset from it
    middle = (task.upscaling - 1) / 2
    rows, columns = task.offset
    down = middle + rows
    right = middle + columns
    return input.after(
        "target in training",
        data=target.numpy(),
        axis=plan.output_axis,
        pixel_size=(height, width),
        origin=(-down * height, -right * width),
        name=name,
    )


def _target_labels(
    plan: TrainingPlan,
    target: Tensor,
    input: Cube,
    name: str,
) -> Labels:
    """Return a target of classes; of mixed ones, the class that has the greatest share."""
    values = target.numpy()
    classes = values[0]  # (y, x)
    if len(values) > 1:  # (class, y, x): shares, which sum to 0 where nothing is labelled
        labelled = values.any(axis=0)
        likeliest = values.argmax(axis=0) + 1  # classes begin at 1
        classes = np.where(labelled, likeliest, 0)
    if plan.recipe.task.image_level:
        classes = np.broadcast_to(classes, input.shape[-2:])
    return Labels(
        classes.astype(np.uint16),
        plan.classes,
        pixel_size=input.pixel_size,
        pixel_unit=input.pixel_unit,
        name=name,
        history=input.history,
    )
