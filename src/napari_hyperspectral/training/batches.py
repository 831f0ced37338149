"""Training examples as batches, on the device where the network is; no loader, no workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from ..networks import tile_geometry_of
from ..networks.blocks.padding import pad_by_reflection, padded_size
from ..recipe.augmentation import Augment, Batch, standard_deviation
from ..tasks import Example, Task
from .plan import TrainingPlan
from .splits import Mask, Split, spectra_at

LEAST_STRIDES = 2
"""Strides of a network in the smallest batch: at its coarsest, batch statistics need two values."""


class Batches(ABC):
    """All batches of a training, in an order that only seed and epoch decide."""

    steps: int
    """Batches in an epoch."""

    @abstractmethod
    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the training batches of epoch `number`, counted from 0."""

    @abstractmethod
    def validation(self) -> Iterator[Batch]:
        """Yield batches in which only validation pixels have a target."""


def batches_of(plan: TrainingPlan, device: torch.device) -> Batches:
    """Return the batches that suit the recipe's network and task."""
    if plan.recipe.per_spectrum:
        return _SpectrumBatches(plan, device)
    return _PatchBatches(plan, device)


class _SpectrumBatches(Batches):
    """Single spectra, shuffled, for networks along the spectrum."""

    def __init__(self, plan: TrainingPlan, device: torch.device) -> None:
        self._training = plan.recipe.training
        self._augment = _augment(plan)
        training = [split.train for split in plan.splits]
        validation = [split.validation for split in plan.splits]
        self._train = _pixels(plan.examples, training, device)
        self._validation = _pixels(plan.examples, validation, device)
        self._count = len(self._train.input)
        self.steps = _ceil_div(self._count, self._training.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        generator = _generator(self._training.seed, number)
        order = torch.randperm(self._count, generator=generator)
        for chosen in torch.split(order, self._training.batch_size):
            index = chosen
            if self._augment.mixes:
                index = _with_partner(chosen, self._count, generator)
            batch = self._augment.in_spectra(self._spectra(index), generator)
            yield _first(batch, len(chosen))

    def validation(self) -> Iterator[Batch]:
        size = 4 * self._training.batch_size  # without gradients, more fit into memory
        inputs = torch.split(self._validation.input, size)
        targets = torch.split(self._validation.target, size)
        for input, target in zip(inputs, targets, strict=True):
            if len(input):
                yield Batch(_as_images(input), _as_images(target))

    def _spectra(self, index: Tensor) -> Batch:
        """Return training spectra as images of one pixel."""
        index = index.to(self._train.input.device)
        input = self._train.input[index]
        target = self._train.target[index]
        return Batch(_as_images(input), _as_images(target))


class _PatchBatches(Batches):
    """Whole images, or patches of large ones."""

    def __init__(self, plan: TrainingPlan, device: torch.device) -> None:
        recipe = plan.recipe
        self._training = recipe.training
        self._task: Task = recipe.task
        self._augment = _augment(plan)
        self._stride = tile_geometry_of(recipe.network, plan.ports).stride
        self._scale = plan.ports.scale
        self._planes: list[_Plane] = []
        for example, split in zip(plan.examples, plan.splits, strict=True):
            self._planes += self._planes_of(example, split, device)
        self._train_planes = [plane for plane in self._planes if len(plane.train_pixels)]
        self._batch_size = recipe.image_batch_size
        patches = self._training.patches_per_epoch * len(self._train_planes)
        self.steps = _ceil_div(patches, self._batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        generator = _generator(self._training.seed, number)
        count = len(self._train_planes)
        total = self._training.patches_per_epoch * count
        order = torch.randperm(total, generator=generator) % count  # each plane as often
        for chosen in torch.split(order, self._batch_size):
            index = chosen
            if self._augment.mixes:
                index = _with_partner(chosen, count, generator)
            planes = [self._train_planes[number] for number in index.tolist()]
            patches = self._patches(planes, generator)
            batch = self._augment.in_spectra(patches, generator)
            yield _first(batch, len(chosen))

    def validation(self) -> Iterator[Batch]:
        side = self._training.patch_size
        for plane in self._planes:
            height, width = plane.input.shape[1:]
            for y in range(0, height, side):
                for x in range(0, width, side):
                    rows = slice(y, y + side)
                    columns = slice(x, x + side)
                    patch = self._cut(plane.input, plane.validation, rows, columns)
                    if self._task.has_target(patch.target).any():
                        yield self._stacked([patch])

    def _planes_of(self, example: Example, split: Split, device: torch.device) -> list[_Plane]:
        """Return the planes of an example as tensors, and where each is trained on."""
        planes = []
        for input, target, sampling_classes in zip(
            example.input, example.target, example.sampling_classes, strict=True
        ):
            training_target = self._masked(target, split.train)
            validation_target = self._masked(target, split.validation)
            trains = split.train & (sampling_classes > 0)  # (y, x)
            plane = _Plane(
                input=torch.from_numpy(input).to(device),
                target=training_target.to(device),
                validation=validation_target.to(device),
                train_pixels=np.argwhere(trains),
            )
            planes.append(plane)
        return planes

    def _masked(self, target: NDArray[np.float32], mask: Mask) -> Tensor:
        """Return a target, (out, y · scale, x · scale), that is unlabelled outside a mask."""
        if self._task.image_level:
            mask = np.full((1, 1), mask.any())
        mask = mask.repeat(self._scale, axis=0)
        mask = mask.repeat(self._scale, axis=1)
        unlabelled = np.float32(self._task.ignore_value)
        return torch.from_numpy(np.where(mask, target, unlabelled))

    def _patches(self, planes: Sequence[_Plane], generator: Generator) -> Batch:
        """Return a random patch of each plane, augmented in space and stacked.

        Patches of whole images are all as large as the smallest one, and turned alike: an
        image-level answer averages over padding, too, so there is only what the stride needs.
        """
        height = width = self._training.patch_size
        if not self._task.image_level:
            patches = []
            for plane in planes:
                patch = self._patch(plane, height, width, generator)
                patches.append(self._augmented(patch, generator))
            return self._stacked(patches)
        height = min(height, *(plane.input.shape[1] for plane in planes))
        width = min(width, *(plane.input.shape[2] for plane in planes))
        patches = [self._patch(plane, height, width, generator) for plane in planes]
        turned = self._augmented(_joined(patches), generator)
        return self._stacked([turned])

    def _patch(self, plane: _Plane, height: int, width: int, generator: Generator) -> Batch:
        """Return a random patch of a plane, of this size or, where the plane is smaller, its own."""
        _, plane_height, plane_width = plane.input.shape
        pixel = _draw(len(plane.train_pixels), generator)
        y, x = plane.train_pixels[pixel].tolist()
        rows = _window(plane_height, y, height, generator)
        columns = _window(plane_width, x, width, generator)
        return self._cut(plane.input, plane.target, rows, columns)

    def _augmented(self, patch: Batch, generator: Generator) -> Batch:
        """Return patches that were moved in space, as they would have been measured so."""
        input, target = self._augment.in_space(patch, generator)
        warped = self._augment.warps
        input, target = self._task.after_augmentation(input, target, warped=warped)
        return Batch(input, target)

    def _cut(self, input: Tensor, target: Tensor, rows: slice, columns: slice) -> Batch:
        """Return a patch of a plane, (1, band, y, x), with its target; image-level ones stay."""
        patch = input[None, :, rows, columns]
        if self._task.image_level:
            return Batch(patch, target[None])
        fine_rows = _enlarged(rows, self._scale)
        fine_columns = _enlarged(columns, self._scale)
        return Batch(patch, target[None, :, fine_rows, fine_columns])

    def _stacked(self, patches: Sequence[Batch]) -> Batch:
        """Return patches as one batch, padded to one size, a multiple of the stride."""
        height = max(patch.input.shape[-2] for patch in patches)
        width = max(patch.input.shape[-1] for patch in patches)
        height = padded_size(height, self._stride, LEAST_STRIDES)
        width = padded_size(width, self._stride, LEAST_STRIDES)
        padded = [self._padded(patch, height, width) for patch in patches]
        return _joined(padded)

    def _padded(self, patch: Batch, height: int, width: int) -> Batch:
        """Return a patch that is padded as in a prediction; padding has no target."""
        input = pad_by_reflection(patch.input, height, width)
        if self._task.image_level:
            return Batch(input, patch.target)
        down = height - patch.input.shape[-2]
        right = width - patch.input.shape[-1]
        margins = (0, right * self._scale, 0, down * self._scale)  # left, right, top, bottom
        target = functional.pad(patch.target, margins, value=self._task.ignore_value)
        return Batch(input, target)


class _Plane(NamedTuple):
    input: Tensor  # (band, y, x)
    target: Tensor  # (out, y · scale, x · scale), unlabelled but for training pixels
    validation: Tensor  # the same, unlabelled but for validation pixels
    train_pixels: NDArray[np.intp]  # (pixel, 2): their y and x


def _augment(plan: TrainingPlan) -> Augment:
    """Return the augmentation that a recipe sets, for the axes and intensities of its examples."""
    task: Task = plan.recipe.task
    return Augment(
        plan.recipe.augmentation,
        plan.input_axis,
        plan.output_axis if task.predicts_spectra else None,
        classes=0 if task.predicts_intensities else len(plan.output_axis),
        input_std=standard_deviation([example.input for example in plan.examples]),
    )


def _pixels(examples: Sequence[Example], masks: Sequence[Mask], device: torch.device) -> Batch:
    """Return the spectra of the masked pixels of all examples, (spectrum, band)."""
    inputs = []
    targets = []
    for example, mask in zip(examples, masks, strict=True):
        usable = mask & (example.sampling_classes > 0)  # (plane, y, x)
        inputs.append(spectra_at(example.input, usable))
        targets.append(spectra_at(example.target, usable))
    input = torch.from_numpy(np.concatenate(inputs)).to(device)
    target = torch.from_numpy(np.concatenate(targets)).to(device)
    return Batch(input, target)


def _as_images(spectra: Tensor) -> Tensor:
    """Return spectra, (batch, band), as images of one pixel, (batch, band, 1, 1)."""
    return spectra[:, :, None, None]


def _joined(batches: Sequence[Batch]) -> Batch:
    """Return batches of one size as one."""
    input = torch.cat([batch.input for batch in batches])
    target = torch.cat([batch.target for batch in batches])
    return Batch(input, target)


def _first(batch: Batch, count: int) -> Batch:
    return Batch(batch.input[:count], batch.target[:count])


def _with_partner(chosen: Tensor, count: int, generator: Generator) -> Tensor:
    """Return indices below `count`; a single one gets another, for mixup to mix it with."""
    if len(chosen) > 1:
        return chosen
    step = 1 + _draw(count - 1, generator) if count > 1 else 0
    return torch.cat([chosen, (chosen + step) % count])


def _window(size: int, pixel: int, side: int, generator: Generator) -> slice:
    """Return a random window along an axis of `size` pixels that contains `pixel`."""
    side = min(side, size)
    first = max(0, pixel - side + 1)
    last = min(pixel, size - side)
    start = first + _draw(last - first + 1, generator)
    return slice(start, start + side)


def _enlarged(window: slice, scale: int) -> slice:
    """Return the same window in pixels that are `scale` times as fine."""
    return slice(scale * window.start, scale * window.stop)


def _generator(seed: int, epoch: int) -> Generator:
    """Return random numbers of an epoch, on the CPU: the same whatever the device."""
    return Generator().manual_seed(seed * 1_000_003 + epoch)


def _draw(below: int, generator: Generator) -> int:
    return int(torch.randint(below, (1,), generator=generator))


def _ceil_div(total: int, size: int) -> int:
    return -(-total // size)
