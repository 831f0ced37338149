"""Batches in parts: what does not fit into memory at once is computed one part after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...networks.blocks.padding import padded_size
from ...recipe.augmentation import Batch
from ...recipe.building import geometry_of
from ..batches import LEAST_STRIDES
from ..plan import TrainingPlan


class BatchParts:
    """How many times batches are halved, and how.

    Parameters
    ----------
    plan : TrainingPlan
        What is trained.
    """

    def __init__(self, plan: TrainingPlan) -> None:
        self._image_level = plan.ports.image_level
        self._scale = plan.ports.scale
        self._stride = geometry_of(plan.recipe, plan.ports).stride
        self._halvings = 0

    def of(self, batch: Batch) -> list[Batch]:
        """Return a batch in as many parts as are known to fit."""
        parts = [batch]
        for _ in range(self._halvings):
            smaller: list[Batch] = []
            for part in parts:
                smaller += self._halves(part)
            parts = smaller
        return parts

    def halve(self, batch: Batch) -> bool:
        """Halve batches once more; return whether that makes the parts of this one smaller."""
        before = len(self.of(batch))
        self._halvings += 1
        return len(self.of(batch)) > before

    def _halves(self, part: Batch) -> Sequence[Batch]:
        """Return the halves of a batch: of its images, or else of its only image."""
        count, _, height, width = part.input.shape
        if count > 1:
            middle = count // 2
            first = Batch(part.input[:middle], part.target[:middle])
            return first, Batch(part.input[middle:], part.target[middle:])
        size = max(height, width)
        least = LEAST_STRIDES * self._stride
        middle = padded_size(size // 2, self._stride, LEAST_STRIDES)
        if self._image_level or size - middle < least:
            return (part,)
        if height >= width:
            return self._cut(part, -2, middle)
        return self._cut(part, -1, middle)

    def _cut(self, part: Batch, axis: int, middle: int) -> Sequence[Batch]:
        """Return an image in two, cut across an axis."""
        size = part.input.shape[axis]
        halves = []
        for start, length in ((0, middle), (middle, size - middle)):
            input = part.input.narrow(axis, start, length)
            target = part.target.narrow(axis, start * self._scale, length * self._scale)
            halves.append(Batch(input, target))
        return halves


def running_statistics(network: nn.Module) -> list[Tensor]:
    """Return what layers gather while batches go through them, such as means of batches."""
    gathered: list[Tensor] = []
    for layer in network.modules():
        # our own layers keep what was fitted before
        if type(layer).__module__.startswith("torch."):
            gathered += layer.buffers(recurse=False)
    return gathered


@contextmanager
def unchanged_on_error(tensors: Sequence[Tensor]) -> Generator[None, None, None]:
    """Give tensors their values back if the block fails: half a step is none."""
    before = [tensor.clone() for tensor in tensors]
    try:
        yield
    except BaseException:
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        raise
