"""The error of a model on the held-out pixels of its plan."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ...cube import Cube, Sampling
from ...machine import Machine
from ...models.model import Model
from ...prediction.predict import predict_values_steps
from ...progress import Job
from ...recipe.building import receptive_radius_of
from ...spectra.arrays import Float32, Mask
from ...tasks import Task
from ..plan import TrainingPlan

_MOST_VALUES: Final = 2**25
"""Values of predictions that are compared; of more, pixels are left out evenly."""
_MOST_PIXELS: Final = 100_000
"""Held-out pixels of an image that are predicted; of more, strips are left out evenly."""
_STRIP: Final = 64
"""Rows of a strip, in pixels of the input."""


class _Strip(NamedTuple):
    """Some rows of an image, and those around them that their prediction depends on."""

    rows: slice
    seen: slice

    @property
    def inner(self) -> slice:
        """The rows, counted from the first one that is seen."""
        start = self.rows.start - self.seen.start
        return slice(start, start + self.rows.stop - self.rows.start)


def held_out_error_steps(model: Model, plan: TrainingPlan, machine: Machine) -> Job[float]:
    """Return the task's selection error on the validation pixels of a plan, of all examples.

    Of large images, strips stand for the others.

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
    radius = receptive_radius_of(plan.recipe)
    scale = task.upscaling
    predictions = []
    targets = []
    for example, split in zip(plan.examples, plan.splits, strict=True):
        if not split.validation.any():
            continue
        input = task.measured_input(example)
        mask = split.validation & (example.sampling_classes > 0)  # (plane, y, x)
        strips = _strips(mask, radius)
        if task.image_level:
            mask = np.asarray(mask.any(axis=(1, 2), keepdims=True))
            strips = [_all_rows(input)]
        for strip in strips:
            cube = Cube(input[..., strip.seen, :], example.input_axis, z=Sampling())
            predicted = yield from predict_values_steps(model, cube, machine=machine)
            validated = mask[:, strip.rows]
            predictions.append(
                _rows(predicted[..., _fine(strip.inner, scale), :], validated, scale)
            )
            target = example.target[..., _fine(strip.rows, scale), :]
            targets.append(_rows(target, validated, scale))
    prediction = np.concatenate(predictions)
    target = np.concatenate(targets)
    step = -(-prediction.size // _MOST_VALUES)
    return task.selection_error(prediction[::step], target[::step])


def _strips(mask: Mask, radius: int) -> list[_Strip]:
    """Return strips with held-out pixels, of which there are `_MOST_PIXELS` or somewhat more.

    Parameters
    ----------
    mask : ndarray of bool, shape (plane, y, x)
        Held-out pixels.
    radius : int
        Rows on either side that a prediction depends on.
    """
    height = mask.shape[1]
    step = -(-int(mask.sum()) // _MOST_PIXELS)
    if step == 1:
        return [_Strip(slice(0, height), slice(0, height))]
    strips = []
    for start in range(0, height, _STRIP):
        end = min(start + _STRIP, height)
        if mask[:, start:end].any():
            seen = slice(max(start - radius, 0), min(end + radius, height))
            strips.append(_Strip(slice(start, end), seen))
    return strips[::step]


def _all_rows(image: Float32) -> _Strip:
    rows = slice(0, image.shape[-2])
    return _Strip(rows, rows)


def _fine(rows: slice, scale: int) -> slice:
    """Return these rows of an image with `scale` times as many."""
    return slice(rows.start * scale, rows.stop * scale)


def _rows(values: Float32, mask: Mask, scale: int) -> Float32:
    """Return the pixels of images, (plane, out, y · scale, x · scale), as rows, (pixel, out).

    The mask, (plane, y, x), says which coarse pixels.
    """
    fine = mask.repeat(scale, axis=1).repeat(scale, axis=2)
    by_pixel = np.moveaxis(values, 1, -1)  # (plane, y, x, out)
    return by_pixel[fine]
