"""Training examples as batches, on the device where the network is; no loader, no workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .augmentation import Augment, Batch, spread_of
from .networks import geometry_of
from .recipe import Recipe, Training
from .splits import Split
from .tasks import Example, Task


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
    kind = _Spectra if recipe.apart else _Windows
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
        self._train = _pixels(examples, [s.rest for s in splits], device)
        self._held_out = _pixels(examples, [s.drawn for s in splits], device)
        self.steps = -(-len(self._train.given) // self._training.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        chance = _chance(self._training.seed, number)
        order = torch.randperm(len(self._train.given), generator=chance)
        for chosen in torch.split(order, self._training.batch_size):
            shown = _in_company(chosen, len(order), chance) if self._augment.mixes else chosen
            shown = shown.to(self._train.given.device)
            batch = Batch(self._train.given[shown], self._train.wanted[shown])
            yield _first(self._augment.in_spectra(_as_images(batch), chance), len(chosen))

    def validation(self) -> Iterator[Batch]:
        size = 4 * self._training.batch_size
        for given, wanted in zip(
            *(torch.split(part, size) for part in self._held_out), strict=True
        ):
            if len(given):
                yield _as_images(Batch(given, wanted))


class _Windows(Batches):
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
        ports = recipe.task.ports(examples[0].takes, examples[0].gives)
        self._stride = geometry_of(recipe.network, ports).stride
        self._scale = ports.scale
        self._planes = [
            _Plane(
                torch.from_numpy(given).to(device),
                self._masked(wanted, split.rest).to(device),
                self._masked(wanted, split.drawn).to(device),
                np.argwhere(split.rest & (strata > 0)),
            )
            for example, split in zip(examples, splits, strict=True)
            for given, wanted, strata in zip(
                example.given, example.wanted, example.strata, strict=True
            )
        ]
        self._taught = [plane for plane in self._planes if len(plane.taught)]
        self._together = recipe.together
        self.steps = -(-self._training.windows * len(self._taught) // self._together)

    def epoch(self, number: int) -> Iterator[Batch]:
        chance = _chance(self._training.seed, number)
        count = len(self._taught)
        order = torch.randperm(self._training.windows * count, generator=chance) % count
        for chosen in torch.split(order, self._together):
            shown = _in_company(chosen, count, chance) if self._augment.mixes else chosen
            windows = self._shown([self._taught[index] for index in shown.tolist()], chance)
            yield _first(self._augment.in_spectra(windows, chance), len(chosen))

    def validation(self) -> Iterator[Batch]:
        side = self._training.window
        for plane in self._planes:
            for y in range(0, plane.given.shape[1], side):
                for x in range(0, plane.given.shape[2], side):
                    spans = slice(y, y + side), slice(x, x + side)
                    held_out = self._cut(plane.held_out, spans)
                    if self._task.teaches(held_out).any():
                        given = plane.given[None, :, spans[0], spans[1]]
                        yield self._stacked([Batch(given, held_out)])

    def _masked(self, wanted: np.ndarray, mask: np.ndarray) -> Tensor:
        if self._task.whole:
            mask = np.full((1, 1), mask.any())
        mask = mask.repeat(self._scale, 0).repeat(self._scale, 1)
        return torch.from_numpy(np.where(mask, wanted, np.float32(self._task.unlabelled)))

    def _shown(self, planes: Sequence[_Plane], chance: torch.Generator) -> Batch:
        """Return random windows of planes, varied in space.

        Of whole images, all are as large as the smallest, and turned together: padding, of which
        an answer for the image would be an average too, is then only what the stride wants.
        """
        sides = [self._training.window] * 2
        if self._task.whole:
            sides = [min(sides[a], *(p.given.shape[1 + a] for p in planes)) for a in (0, 1)]
            alike = _joined([self._window(plane, sides, chance) for plane in planes])
            return self._stacked([self._varied(alike, chance)])
        return self._stacked(
            [self._varied(self._window(plane, sides, chance), chance) for plane in planes]
        )

    def _window(self, plane: _Plane, sides: Sequence[int], chance: torch.Generator) -> Batch:
        """Return a random window of a plane, of these sides or, where it is smaller, its own."""
        y, x = plane.taught[_draw(len(plane.taught), chance)]
        spans = (
            _span(plane.given.shape[1], int(y), sides[0], chance),
            _span(plane.given.shape[2], int(x), sides[1], chance),
        )
        given = plane.given[None, :, spans[0], spans[1]]
        return Batch(given, self._cut(plane.wanted, spans))

    def _varied(self, window: Batch, chance: torch.Generator) -> Batch:
        varied = self._augment.in_space(window, chance)
        return Batch(*self._task.settled(*varied, warped=self._augment.warps))

    def _cut(self, wanted: Tensor, spans: tuple[slice, slice]) -> Tensor:
        """Cut what is wanted of a window, (1, out, y, x); of whole images it is always the same."""
        if self._task.whole:
            return wanted[None]
        ys, xs = (slice(self._scale * s.start, self._scale * s.stop) for s in spans)
        return wanted[None, :, ys, xs]

    def _stacked(self, parts: Sequence[Batch]) -> Batch:
        """Pad to one size, a multiple of the stride, and stack.

        Batch statistics need two values at the coarsest.
        """
        sides = [
            max(-(-max(part.given.shape[axis] for part in parts) // self._stride), 2) * self._stride
            for axis in (-2, -1)
        ]
        padded = [self._padded(part, sides[0], sides[1]) for part in parts]
        return _joined(padded)

    def _padded(self, part: Batch, height: int, width: int) -> Batch:
        """Pad by what is mirrored at the edges, as in a prediction; nothing is wanted there."""
        down, right = height - part.given.shape[-2], width - part.given.shape[-1]
        given = _mirrored(_mirrored(part.given, -2, height), -1, width)
        if self._task.whole:
            return Batch(given, part.wanted)
        beyond = (0, right * self._scale, 0, down * self._scale)
        return Batch(given, functional.pad(part.wanted, beyond, value=self._task.unlabelled))


class _Plane(NamedTuple):
    given: Tensor  # (band, y, x)
    wanted: Tensor  # (out, y · scale, x · scale), unlabelled where held out
    held_out: Tensor  # the same, unlabelled elsewhere
    taught: np.ndarray  # (pixel, 2): y and x of what is taught


def _augment(recipe: Recipe, examples: Sequence[Example]) -> Augment:
    task: Task = recipe.task
    return Augment(
        recipe.augmentation,
        examples[0].takes,
        examples[0].gives if task.restores or task.converts else None,
        classes=0 if task.intensities else max(len(example.gives) for example in examples),
        spread=spread_of([example.given for example in examples]),
    )


def _pixels(
    examples: Sequence[Example], masks: Sequence[np.ndarray], device: torch.device
) -> Batch:
    """Return the spectra of the masked pixels of all examples, (spectrum, band)."""
    given, wanted = [], []
    for example, mask in zip(examples, masks, strict=True):
        chosen = mask & (example.strata > 0)  # (plane, y, x)
        given.append(np.moveaxis(example.given, 1, -1)[chosen])
        wanted.append(np.moveaxis(example.wanted, 1, -1)[chosen])
    return Batch(*(torch.from_numpy(np.concatenate(p)).to(device) for p in (given, wanted)))


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
