"""Training examples as batches, on the device where the network is; no loader, no workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..networks import geometry_of
from ..recipe.augmentation import Augment, Batch, standard_deviation
from ..recipe.recipe import Recipe
from ..recipe.training import Training
from ..tasks import Example, Task
from .splits import Split


class Batches(ABC):
    """All batches of a training, in an order that only seed and epoch decide."""

    steps: int
    """Batches in an epoch."""

    @abstractmethod
    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the training batches of epoch `number`."""

    @abstractmethod
    def validation(self) -> Iterator[Batch]:
        """Yield batches in which only held-out pixels are wanted."""


def batches_of(
    recipe: Recipe, examples: Sequence[Example], splits: Sequence[Split], device: torch.device
) -> Batches:
    """Return the batches that suit the recipe's network and task."""
    kind = _Spectra if recipe.per_spectrum else _Patches
    return kind(recipe, examples, splits, device)


class _Spectra(Batches):
    """Single spectra, shuffled, for networks that are blind to space."""

    def __init__(
        self,
        recipe: Recipe,
        examples: Sequence[Example],
        splits: Sequence[Split],
        device: torch.device,
    ) -> None:
        self._training: Training = recipe.training
        self._augment = _augment(recipe, examples)
        self._train = _pixels(examples, [s.train for s in splits], device)
        self._held_out = _pixels(examples, [s.validation for s in splits], device)
        self.steps = -(-len(self._train.input) // self._training.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        chance = _chance(self._training.seed, number)
        order = torch.randperm(len(self._train.input), generator=chance)
        for chosen in torch.split(order, self._training.batch_size):
            shown = _in_company(chosen, len(order), chance) if self._augment.mixes else chosen
            shown = shown.to(self._train.input.device)
            batch = Batch(self._train.input[shown], self._train.target[shown])
            yield _first(self._augment.in_spectra(_as_images(batch), chance), len(chosen))

    def validation(self) -> Iterator[Batch]:
        size = 4 * self._training.batch_size
        for input, target in zip(
            *(torch.split(part, size) for part in self._held_out), strict=True
        ):
            if len(input):
                yield _as_images(Batch(input, target))


class _Patches(Batches):
    """Whole images, or windows of large ones."""

    def __init__(
        self,
        recipe: Recipe,
        examples: Sequence[Example],
        splits: Sequence[Split],
        device: torch.device,
    ) -> None:
        self._training: Training = recipe.training
        self._task: Task = recipe.task
        self._augment = _augment(recipe, examples)
        ports = recipe.task.ports(examples[0].input_axis, examples[0].output_axis)
        self._stride = geometry_of(recipe.network, ports).stride
        self._scale = ports.scale
        self._planes = [
            _Plane(
                torch.from_numpy(input).to(device),
                self._masked(target, split.train).to(device),
                self._masked(target, split.validation).to(device),
                np.argwhere(split.train & (sampling_classes > 0)),
            )
            for example, split in zip(examples, splits, strict=True)
            for input, target, sampling_classes in zip(
                example.input, example.target, example.sampling_classes, strict=True
            )
        ]
        self._train_planes = [plane for plane in self._planes if len(plane.train)]
        self._together = recipe.image_batch_size
        self.steps = -(
            -self._training.patches_per_epoch * len(self._train_planes) // self._together
        )

    def epoch(self, number: int) -> Iterator[Batch]:
        chance = _chance(self._training.seed, number)
        count = len(self._train_planes)
        order = torch.randperm(self._training.patches_per_epoch * count, generator=chance) % count
        for chosen in torch.split(order, self._together):
            shown = _in_company(chosen, count, chance) if self._augment.mixes else chosen
            patches_per_epoch = self._shown(
                [self._train_planes[index] for index in shown.tolist()], chance
            )
            yield _first(self._augment.in_spectra(patches_per_epoch, chance), len(chosen))

    def validation(self) -> Iterator[Batch]:
        side = self._training.patch_size
        for plane in self._planes:
            for y in range(0, plane.input.shape[1], side):
                for x in range(0, plane.input.shape[2], side):
                    spans = slice(y, y + side), slice(x, x + side)
                    held_out = self._cut(plane.held_out, spans)
                    if self._task.has_target(held_out).any():
                        input = plane.input[None, :, spans[0], spans[1]]
                        yield self._stacked([Batch(input, held_out)])

    def _masked(self, target: np.ndarray, mask: np.ndarray) -> Tensor:
        if self._task.image_level:
            mask = np.full((1, 1), mask.any())
        mask = mask.repeat(self._scale, 0).repeat(self._scale, 1)
        return torch.from_numpy(np.where(mask, target, np.float32(self._task.ignore_value)))

    def _shown(self, planes: Sequence[_Plane], chance: torch.Generator) -> Batch:
        """Return random windows of planes, varied in space.

        Of whole images, all are as large as the smallest, and turned together: padding, of which
        an answer for the image would be an average too, is then only what the stride wants.
        """
        sides = [self._training.patch_size] * 2
        if self._task.image_level:
            sides = [min(sides[a], *(p.input.shape[1 + a] for p in planes)) for a in (0, 1)]
            alike = _joined([self._patch(plane, sides, chance) for plane in planes])
            return self._stacked([self._varied(alike, chance)])
        return self._stacked(
            [self._varied(self._patch(plane, sides, chance), chance) for plane in planes]
        )

    def _patch(self, plane: _Plane, sides: Sequence[int], chance: torch.Generator) -> Batch:
        """Return a random window of a plane, of these sides or, where it is smaller, its own."""
        y, x = plane.train[_draw(len(plane.train), chance)]
        spans = (
            _span(plane.input.shape[1], int(y), sides[0], chance),
            _span(plane.input.shape[2], int(x), sides[1], chance),
        )
        input = plane.input[None, :, spans[0], spans[1]]
        return Batch(input, self._cut(plane.target, spans))

    def _varied(self, patch_size: Batch, chance: torch.Generator) -> Batch:
        varied = self._augment.in_space(patch_size, chance)
        return Batch(*self._task.after_augmentation(*varied, warped=self._augment.warps))

    def _cut(self, target: Tensor, spans: tuple[slice, slice]) -> Tensor:
        """Cut what is wanted of a window, (1, out, y, x); of whole images it is always the same."""
        if self._task.image_level:
            return target[None]
        ys, xs = (slice(self._scale * s.start, self._scale * s.stop) for s in spans)
        return target[None, :, ys, xs]

    def _stacked(self, parts: Sequence[Batch]) -> Batch:
        """Pad to one size, a multiple of the stride, and stack.

        Batch statistics need two values at the coarsest.
        """
        sides = [
            max(-(-max(part.input.shape[axis] for part in parts) // self._stride), 2) * self._stride
            for axis in (-2, -1)
        ]
        padded = [self._padded(part, sides[0], sides[1]) for part in parts]
        return _joined(padded)

    def _padded(self, part: Batch, height: int, width: int) -> Batch:
        """Pad by what is mirrored at the edges, as in a prediction; nothing is wanted there."""
        down, right = height - part.input.shape[-2], width - part.input.shape[-1]
        input = _mirrored(_mirrored(part.input, -2, height), -1, width)
        if self._task.image_level:
            return Batch(input, part.target)
        beyond = (0, right * self._scale, 0, down * self._scale)
        return Batch(input, functional.pad(part.target, beyond, value=self._task.ignore_value))


class _Plane(NamedTuple):
    input: Tensor  # (band, y, x)
    target: Tensor  # (out, y · scale, x · scale), unlabelled where held out
    held_out: Tensor  # the same, unlabelled elsewhere
    train: np.ndarray  # (pixel, 2): y and x of what is taught


def _augment(recipe: Recipe, examples: Sequence[Example]) -> Augment:
    task: Task = recipe.task
    return Augment(
        recipe.augmentation,
        examples[0].input_axis,
        examples[0].output_axis if task.predicts_spectra else None,
        classes=0
        if task.predicts_intensities
        else max(len(example.output_axis) for example in examples),
        input_std=standard_deviation([example.input for example in examples]),
    )


def _pixels(
    examples: Sequence[Example], masks: Sequence[np.ndarray], device: torch.device
) -> Batch:
    """Return the spectra of the masked pixels of all examples, (spectrum, band)."""
    input, target = [], []
    for example, mask in zip(examples, masks, strict=True):
        chosen = mask & (example.sampling_classes > 0)  # (plane, y, x)
        input.append(np.moveaxis(example.input, 1, -1)[chosen])
        target.append(np.moveaxis(example.target, 1, -1)[chosen])
    return Batch(*(torch.from_numpy(np.concatenate(p)).to(device) for p in (input, target)))


def _as_images(batch: Batch) -> Batch:
    return Batch(*(part[:, :, None, None] for part in batch))


def _joined(parts: Sequence[Batch]) -> Batch:
    """Return batches of one size as one."""
    return Batch(*(torch.cat(stack) for stack in zip(*parts, strict=True)))


def _first(batch: Batch, count: int) -> Batch:
    return Batch(*(part[:count] for part in batch))


def _in_company(chosen: Tensor, count: int, chance: torch.Generator) -> Tensor:
    """Return numbers below `count`; to one alone, another is added that it can be mixed with."""
    if len(chosen) > 1:
        return chosen
    step = 1 + _draw(count - 1, chance) if count > 1 else 0
    return torch.cat([chosen, (chosen + step) % count])


def _span(size: int, through: int, side: int, chance: torch.Generator) -> slice:
    """Return a random window along one axis that holds the pixel `through`."""
    side = min(side, size)
    first, last = max(0, through - side + 1), min(through, size - side)
    start = first + _draw(last - first + 1, chance)
    return slice(start, start + side)


def _mirrored(image: Tensor, axis: int, upto: int) -> Tensor:
    """Return an image that is mirrored at its end, again and again, up to a size."""
    size = image.shape[axis]
    if size == upto:
        return image
    places = torch.arange(upto, device=image.device) % (2 * size)
    return image.index_select(axis, torch.where(places < size, places, 2 * size - 1 - places))


def _chance(seed: int, epoch: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed * 1_000_003 + epoch)


def _draw(below: int, chance: torch.Generator) -> int:
    return int(torch.randint(below, (1,), generator=chance))
