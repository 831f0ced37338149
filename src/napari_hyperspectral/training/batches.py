"""Training examples as batches, on the device where the network is; no loader, no workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional

from ..devices import tensor_of
from ..networks.blocks.padding import pad_by_reflection, padded_size
from ..recipe.augmentation import Augment, Batch, standard_deviation
from ..recipe.building import geometry_of
from ..spectra.arrays import Float32, Indices
from ..tasks import Example, Task
from ..tasks.degradation import NoiseNumbers
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
        self._seed = plan.recipe.training.seed
        self._batch_size = plan.recipe.training.batch_size
        self._augment = _augment(plan)
        train_masks = [split.train for split in plan.splits]
        validation_masks = [split.validation for split in plan.splits]
        self._train = _pixels(plan.examples, train_masks, device)
        self._validation = _pixels(plan.examples, validation_masks, device)
        self._count = len(self._train.input)
        self.steps = _ceil_div(self._count, self._batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        generator = _generator(self._seed, number)
        order = torch.randperm(self._count, generator=generator)
        for chosen in torch.split(order, self._batch_size):
            index = chosen
            if self._augment.mixes:
                index = _with_partner(chosen, self._count, generator)
            spectra = self._spectra(index)
            batch = self._augment.in_spectra(spectra, generator)
            yield _first(batch, len(chosen))

    def validation(self) -> Iterator[Batch]:
        # without gradients, more spectra fit into memory
        size = 4 * self._batch_size
        inputs = torch.split(self._validation.input, size)
        targets = torch.split(self._validation.target, size)
        for input, target in zip(inputs, targets, strict=True):
            # no pixels at all are split into one empty part
            if len(input):
                yield _as_images(input, target)

    def _spectra(self, index: Tensor) -> Batch:
        """Return training spectra as images of one pixel."""
        index = index.to(self._train.input.device)
        input = self._train.input[index]
        target = self._train.target[index]
        return _as_images(input, target)


class _PatchBatches(Batches):
    """Whole images, or patches of large ones."""

    def __init__(self, plan: TrainingPlan, device: torch.device) -> None:
        recipe = plan.recipe
        self._seed = recipe.training.seed
        self._patch_size = recipe.training.patch_size
        self._batch_size = recipe.image_batch_size
        self._task: Task = recipe.task
        self._augment = _augment(plan)
        geometry = geometry_of(recipe, plan.ports)
        self._stride = geometry.stride
        self._scale = plan.ports.scale
        self._planes: list[_Plane] = []
        for example, split in zip(plan.examples, plan.splits, strict=True):
            self._planes += self._planes_of(example, split, device)
        self._train_planes: list[_Plane] = []
        for plane in self._planes:
            if len(plane.train_pixels):
                self._train_planes.append(plane)
        count = len(self._train_planes)
        self._patch_count = recipe.training.patches_per_epoch * count
        self.steps = _ceil_div(self._patch_count, self._batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        generator = _generator(self._seed, number)
        count = len(self._train_planes)
        order = torch.randperm(self._patch_count, generator=generator)
        order = order % count  # each plane as often as any other
        for chosen in torch.split(order, self._batch_size):
            index = chosen
            if self._augment.mixes:
                index = _with_partner(chosen, count, generator)
            planes = [self._train_planes[number] for number in index.tolist()]
            patches = self._patches(planes, generator)
            batch = self._augment.in_spectra(patches, generator)
            yield _first(batch, len(chosen))

    def validation(self) -> Iterator[Batch]:
        generator = _generator(self._seed, 0)  # the same noise in each epoch
        for plane in self._planes:
            _, height, width = plane.input.shape
            for rows, columns in _squares(height, width, self._patch_size):
                patch = self._cut(plane.input, plane.validation, rows, columns)
                labelled = self._task.has_target(patch.target)
                if labelled.any():
                    noisy = self._with_noise(patch, plane, generator)
                    yield self._stacked([noisy])

    def _planes_of(
        self,
        example: Example,
        split: Split,
        device: torch.device,
    ) -> list[_Plane]:
        """Return the planes of an example as tensors, and where each is trained on."""
        planes = []
        arrays = zip(
            example.input,
            example.target,
            example.sampling_classes,
            strict=True,
        )
        for input, target, sampling_classes in arrays:
            training_target = self._masked(target, split.train)
            validation_target = self._masked(target, split.validation)
            usable = sampling_classes > 0  # (y, x)
            trains = split.train & usable
            plane = _Plane(
                input=tensor_of(input).to(device),
                target=training_target.to(device),
                validation=validation_target.to(device),
                train_pixels=np.argwhere(trains),
                noise=example.noise,
            )
            planes.append(plane)
        return planes

    def _masked(self, target: Float32, mask: Mask) -> Tensor:
        """Return a target, (out, y · scale, x · scale), that is unlabelled outside a mask."""
        if self._task.image_level:
            # there is one target, which counts where any pixel does
            mask = np.full((1, 1), mask.any())
        mask = mask.repeat(self._scale, axis=0)
        mask = mask.repeat(self._scale, axis=1)
        unlabelled = np.float32(self._task.ignore_value)
        masked = np.where(mask, target, unlabelled)
        return torch.from_numpy(masked)

    def _patches(self, planes: Sequence[_Plane], generator: Generator) -> Batch:
        """Return a random patch of each plane, augmented in space and stacked."""
        if self._task.image_level:
            return self._equal_patches(planes, generator)
        side = self._patch_size
        patches = []
        for plane in planes:
            patch = self._patch(plane, side, side, generator)
            augmented = self._augmented(patch, generator)
            noisy = self._with_noise(augmented, plane, generator)
            patches.append(noisy)
        return self._stacked(patches)

    def _equal_patches(self, planes: Sequence[_Plane], generator: Generator) -> Batch:
        """Return a random patch of each plane, all as large as the smallest and augmented alike.

        An image-level answer averages over padding, too, so there is only what the stride needs.
        """
        height = self._patch_size
        width = self._patch_size
        for plane in planes:
            _, plane_height, plane_width = plane.input.shape
            height = min(height, plane_height)
            width = min(width, plane_width)
        patches = []
        for plane in planes:
            patch = self._patch(plane, height, width, generator)
            patches.append(patch)
        turned = self._augmented(_joined(patches), generator)
        return self._stacked([turned])

    def _patch(
        self,
        plane: _Plane,
        height: int,
        width: int,
        generator: Generator,
    ) -> Batch:
        """Return a random patch of a plane, of this size or, where the plane is smaller, its own."""
        _, plane_height, plane_width = plane.input.shape
        # around a training pixel: a patch without one would teach nothing
        pixel = _draw(len(plane.train_pixels), generator)
        y, x = plane.train_pixels[pixel].tolist()
        rows = _window(plane_height, y, height, generator)
        columns = _window(plane_width, x, width, generator)
        return self._cut(plane.input, plane.target, rows, columns)

    def _augmented(self, patch: Batch, generator: Generator) -> Batch:
        """Return patches that were moved in space, as they would have been measured so."""
        moved = self._augment.in_space(patch, generator)
        input, target = self._task.after_augmentation(
            moved.input,
            moved.target,
            warped=self._augment.warps,
        )
        return Batch(input, target)

    def _with_noise(
        self,
        patch: Batch,
        plane: _Plane,
        generator: Generator,
    ) -> Batch:
        """Return a patch with the noise that its input is to have."""
        if not any(plane.noise):
            return patch
        input = self._task.with_noise(patch.input, plane.noise, generator)
        return Batch(input, patch.target)

    def _cut(
        self,
        input: Tensor,
        target: Tensor,
        rows: slice,
        columns: slice,
    ) -> Batch:
        """Return a patch of a plane, (1, band, y, x), with its target; image-level ones stay."""
        patch = input[None, :, rows, columns]
        if self._task.image_level:
            return Batch(patch, target[None])
        fine_rows = _enlarged(rows, self._scale)
        fine_columns = _enlarged(columns, self._scale)
        return Batch(patch, target[None, :, fine_rows, fine_columns])

    def _stacked(self, patches: Sequence[Batch]) -> Batch:
        """Return patches as one batch, padded to one size, a multiple of the stride."""
        tallest = max(patch.input.shape[-2] for patch in patches)
        widest = max(patch.input.shape[-1] for patch in patches)
        height = padded_size(tallest, self._stride, LEAST_STRIDES)
        width = padded_size(widest, self._stride, LEAST_STRIDES)
        padded = []
        for patch in patches:
            padded.append(self._padded(patch, height, width))
        return _joined(padded)

    def _padded(
        self,
        patch: Batch,
        height: int,
        width: int,
    ) -> Batch:
        """Return a patch that is padded as in a prediction; padding has no target."""
        input = pad_by_reflection(patch.input, height, width)
        if self._task.image_level:
            return Batch(input, patch.target)
        down = height - patch.input.shape[-2]
        right = width - patch.input.shape[-1]
        margins = (
            0,  # left
            right * self._scale,
            0,  # top
            down * self._scale,
        )
        target = functional.pad(
            patch.target,
            margins,
            value=self._task.ignore_value,
        )
        return Batch(input, target)


class _Plane(NamedTuple):
    input: Tensor  # (band, y, x)
    target: Tensor  # (out, y · scale, x · scale), unlabelled but for training pixels
    validation: Tensor  # the same, unlabelled but for validation pixels
    train_pixels: Indices  # (pixel, 2): their y and x
    noise: NoiseNumbers  # that the input is to have


def _augment(plan: TrainingPlan) -> Augment:
    """Return the augmentation that a recipe sets, for the axes and intensities of its examples."""
    task: Task = plan.recipe.task
    target_axis = None
    if task.predicts_spectra:
        target_axis = plan.output_axis
    classes = 0
    if not task.predicts_intensities:
        classes = len(plan.output_axis)
    inputs = [example.input for example in plan.examples]
    return Augment(
        plan.recipe.augmentation,
        plan.input_axis,
        target_axis,
        classes=classes,
        input_std=standard_deviation(inputs),
    )


def _pixels(
    examples: Sequence[Example],
    masks: Sequence[Mask],
    device: torch.device,
) -> Batch:
    """Return the spectra of the masked pixels of all examples, (spectrum, band)."""
    inputs = []
    targets = []
    for example, mask in zip(examples, masks, strict=True):
        usable = example.sampling_classes > 0  # (plane, y, x)
        chosen = mask & usable
        inputs.append(spectra_at(example.input, chosen))
        targets.append(spectra_at(example.target, chosen))
    input = torch.from_numpy(np.concatenate(inputs))
    target = torch.from_numpy(np.concatenate(targets))
    return Batch(input.to(device), target.to(device))


def _as_images(input: Tensor, target: Tensor) -> Batch:
    """Return spectra, (batch, band), as images of one pixel, (batch, band, 1, 1)."""
    input_images = input[:, :, None, None]
    target_images = target[:, :, None, None]
    return Batch(input_images, target_images)


def _joined(batches: Sequence[Batch]) -> Batch:
    """Return batches of one size as one."""
    input = torch.cat([batch.input for batch in batches])
    target = torch.cat([batch.target for batch in batches])
    return Batch(input, target)


def _first(batch: Batch, count: int) -> Batch:
    return Batch(batch.input[:count], batch.target[:count])


def _with_partner(
    chosen: Tensor,
    count: int,
    generator: Generator,
) -> Tensor:
    """Return indices below `count`; a single one gets another, for mixup to mix it with."""
    if len(chosen) > 1:
        return chosen
    step = 0
    if count > 1:
        step = 1 + _draw(count - 1, generator)
    partner = (chosen + step) % count
    return torch.cat([chosen, partner])


def _squares(
    height: int,
    width: int,
    side: int,
) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns of the patches that cover a plane, row by row."""
    for y in range(0, height, side):
        rows = slice(y, y + side)
        for x in range(0, width, side):
            columns = slice(x, x + side)
            yield rows, columns


def _window(
    size: int,
    pixel: int,
    side: int,
    generator: Generator,
) -> slice:
    """Return a random window along an axis of `size` pixels that contains `pixel`."""
    side = min(side, size)
    first = max(0, pixel - side + 1)
    last = min(pixel, size - side)
    starts = last - first + 1
    start = first + _draw(starts, generator)
    return slice(start, start + side)


def _enlarged(window: slice, scale: int) -> slice:
    """Return the same window in pixels that are `scale` times as fine."""
    return slice(scale * window.start, scale * window.stop)


def _generator(seed: int, epoch: int) -> Generator:
    """Return random numbers of an epoch, on the CPU: the same whatever the device."""
    # more than a training has epochs: no two seeds share the numbers of an epoch
    return Generator().manual_seed(seed * 1_000_003 + epoch)


def _draw(below: int, generator: Generator) -> int:
    number = torch.randint(below, (1,), generator=generator)
    return int(number)


def _ceil_div(total: int, size: int) -> int:
    return -(-total // size)
