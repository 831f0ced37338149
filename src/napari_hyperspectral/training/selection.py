"""The validation of an epoch: loss and selection error of the validation pixels."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from ..networks import Normalised
from ..recipe.augmentation import Batch
from ..spectra.arrays import Float32
from ..tasks import Task
from .plan import TrainingPlan

MOST_VALUES: Final = 2**21
"""Of predictions that are compared after an epoch; of more pixels, every second, third, … counts."""


class ValidationRecord:
    """What is known of the validation pixels in one epoch: their loss, and their selection error.

    Parameters
    ----------
    plan : TrainingPlan
        How many validation pixels there will be.
    task : Task
        With the names of its classes.
    network : Normalised
        To be validated, in its mode for evaluation.
    precision : autocast
        In which it computes.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        task: Task,
        network: Normalised,
        precision: torch.autocast,
    ) -> None:
        self._task = task
        self._network = network
        self._precision = precision
        self._rows = ValidationRows(plan)
        self._loss_sum = 0.0
        self._pixels = 0

    def add(self, batch: Batch) -> None:
        """Add a batch in which only validation pixels have a target."""
        with torch.no_grad(), self._precision:
            loss = self._task.loss(self._network, batch.input, batch.target)
        labelled = self._task.has_target(batch.target)
        count = int(labelled.sum())
        self._loss_sum += count * float(loss)  # by pixels: patches at the edge have fewer
        self._pixels += count
        if self._task.selection_name:
            self._rows.add(self._predicted(batch.input), batch.target)

    def loss(self) -> float | None:
        """Return the mean loss over the pixels; None where there are none."""
        if not self._pixels:
            return None
        return self._loss_sum / self._pixels

    def error(self) -> float | None:
        """Return the selection error; None without pixels, or where the task has no such figure."""
        return self._rows.error()

    def _predicted(self, input: Tensor) -> Tensor:
        """Return the prediction for a batch, in the unit of the target."""
        with torch.no_grad(), self._precision:
            prediction: Tensor = self._network(input)
        return self._task.postprocess(prediction, input)


class ValidationRows:
    """Predictions and targets of validation pixels in one epoch, as rows.

    Parameters
    ----------
    plan : TrainingPlan
        Task, and how many validation pixels there will be.
    """

    def __init__(self, plan: TrainingPlan) -> None:
        self._task: Task = plan.recipe.task
        values = _validation_pixels(plan) * plan.ports.bands_out
        self._step = max(1, -(-values // MOST_VALUES))
        self._seen = 0
        self._predictions: list[Float32] = []
        self._targets: list[Float32] = []

    def add(self, prediction: Tensor, target: Tensor) -> None:
        """Add the pixels of a batch that have a target.

        Parameters
        ----------
        prediction : Tensor, shape (batch, out, y, x)
            Intensities in the unit of the target, or scores of classes.
        target : Tensor, shape (batch, out, y, x), or (batch, 1, y, x) of classes
        """
        labelled = self._task.has_target(target)  # (batch, y, x)
        first = -self._seen % self._step  # of those that count, in this batch
        self._seen += int(labelled.sum())
        some = slice(first, None, self._step)
        self._predictions.append(_rows(prediction, labelled, some))
        self._targets.append(_rows(target, labelled, some))

    def error(self) -> float | None:
        """Return the selection error of the task; None without pixels."""
        if not self._seen:
            return None
        predictions = np.concatenate(self._predictions)
        targets = np.concatenate(self._targets)
        return self._task.selection_error(predictions, targets)


def _rows(images: Tensor, labelled: Tensor, some: slice) -> Float32:
    """Return some of the labelled pixels of images, (batch, out, y, x), as rows, (pixel, out)."""
    by_pixel = images.movedim(1, -1)  # (batch, y, x, out)
    rows: Float32 = by_pixel[labelled][some].float().cpu().numpy()
    return rows


def _validation_pixels(plan: TrainingPlan) -> int:
    """Return how many validation pixels the targets have, at most."""
    count = 0
    for example, split in zip(plan.examples, plan.splits, strict=True):
        planes = len(example.target)
        if plan.ports.image_level:
            count += planes
        else:
            count += planes * int(split.validation.sum()) * plan.ports.scale**2
    return count
