"""The error of a model on the held-out pixels of its plan."""

from __future__ import annotations

from typing import Final

import numpy as np

from ...cube import Cube, Sampling
from ...machine import Machine
from ...models.model import Model
from ...prediction.predict import predict_values_steps
from ...progress import Job
from ...spectra.arrays import Float32, Mask
from ...tasks import Task
from ..plan import TrainingPlan

_MOST_VALUES: Final = 2**25
"""Values of predictions that are compared; of more, pixels are left out evenly."""


def held_out_error_steps(model: Model, plan: TrainingPlan, machine: Machine) -> Job[float]:
    """Return the task's selection error on the validation pixels of a plan, of all examples.

    Parameters
    ----------
    model : Model
        Trained on the training pixels of the plan.
    plan : TrainingPlan
        With validation pixels.
    machine : Machine
        Where the model runs.
    """
    task: Task = plan.recipe.task
    predictions = []
    targets = []
    for example, split in zip(plan.examples, plan.splits, strict=True):
        if not split.validation.any():
            continue
        input = task.measured_input(example)
        cube = Cube(input, example.input_axis, z=Sampling())
        predicted = yield from predict_values_steps(model, cube, machine=machine)
        mask = split.validation & (example.sampling_classes > 0)  # (plane, y, x)
        if task.image_level:
            mask = np.asarray(mask.any(axis=(1, 2), keepdims=True))
        predictions.append(_rows(predicted, mask, task.upscaling))
        targets.append(_rows(example.target, mask, task.upscaling))
    prediction = np.concatenate(predictions)
    target = np.concatenate(targets)
    step = -(-prediction.size // _MOST_VALUES)
    return task.selection_error(prediction[::step], target[::step])


def _rows(values: Float32, mask: Mask, scale: int) -> Float32:
    """Return the pixels of images, (plane, out, y · scale, x · scale), as rows, (pixel, out).

    The mask, (plane, y, x), says which coarse pixels.
    """
    fine = mask.repeat(scale, axis=1).repeat(scale, axis=2)
    by_pixel = np.moveaxis(values, 1, -1)  # (plane, y, x, out)
    return by_pixel[fine]
