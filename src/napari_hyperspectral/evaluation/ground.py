"""What a model is evaluated on: a measurement, its truth, and which pixels trained and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..axis import ChannelAxis
from ..cube import Cube, Image, Labels
from ..models.model import Model
from ..tasks import Task
from ..tasks.super_resolution import SuperResolutionTask
from ..training.splits import Mask, beyond
from .baselines import (
    Good,
)


@dataclass(frozen=True, eq=False)
class EvaluationPair:
    """A measurement with its truth, and which of its pixels taught and which are to test.

    Raises
    ------
    ValueError
        If sizes differ, or no pixel is left to test on.
    """

    input: Cube
    """What the model takes."""
    target: Cube | Labels
    """What it should give; of super-resolution, with finer pixels."""
    train: Mask
    """Pixels the model learned from, shape (y, x); baselines learn from the same."""
    test: Mask
    """Pixels that may test it, shape (y, x)."""

    @property
    def scale(self) -> int:
        """Rows, and columns, of the truth for each of the measurement."""
        return max(1, self.target.shape[-1] // self.input.shape[-1])

    @property
    def offset(self) -> tuple[float, float]:
        """Row and column of the centre of the first measured pixel, in pixels of the truth."""
        starts = zip(self.input.origin, self.target.origin, self.target.pixel_size, strict=True)
        row, column = ((input - target) / side for input, target, side in starts)
        return row, column

    @property
    def same_bands(self) -> bool:
        """Whether intensities of the same bands are wanted, as of a denoised cube."""
        return isinstance(self.target, Cube) and self.input.axis.same_bands(self.target.axis)

    def __post_init__(self) -> None:
        size = self.input.shape[-2:]
        fine = tuple(self.scale * side for side in size)
        for name, other, expected in (
            ("truth", self.target.shape[-2:], fine),
            ("mask of training pixels", self.train.shape, size),
            ("mask of test pixels", self.test.shape, size),
        ):
            if other != expected:
                raise ValueError(f"the cube has {size} pixels, the {name} {other}")
        if not self.test.any():
            raise ValueError("no pixel is held out to test on; hold out more, or narrow the guard")
        if (self.test & self.train).any():
            raise ValueError(
                f"{int((self.test & self.train).sum())} pixels both teach and test; "
                "a model that is tested on what it has seen is tested on nothing"
            )


class Guarded(NamedTuple):
    """Test pixels that lie further than `guard` from all that taught."""

    guard: int
    test: Mask


def pair_of(task: Task, images: Mapping[str, Image | str]) -> tuple[Cube, Cube | Labels]:
    """Return what a task is given of an example's images, and what it should give.

    Of a fine image alone, that is its coarse self, and what of it fills whole coarse pixels.
    """
    input = images[task.input_name]
    assert isinstance(input, Cube)
    if isinstance(task, SuperResolutionTask):
        return _coarse_and_fine(task, input)
    assert task.target_name is not None
    target = images[task.target_name]
    assert isinstance(target, Cube | Labels)
    return input, target


def numbered_alike(held_out: EvaluationPair, model: Model) -> EvaluationPair:
    """Number classes as the model does, where it knows all their names: files may count otherwise."""
    target, output_axis = held_out.target, model.card.output_axis
    if not isinstance(target, Labels) or not isinstance(output_axis, ChannelAxis):
        return held_out
    if not target.classes or not set(target.classes) <= set(output_axis.names):
        return held_out
    number = np.array([0, *(output_axis.names.index(name) + 1 for name in target.classes)])
    truth = replace(target, data=number[target.numpy()], classes=output_axis.names, colours=())
    return replace(held_out, target=truth)


def prepared(held_out: EvaluationPair, model: Model) -> EvaluationPair:
    """Preprocess a measurement and its truth as those that the model learned from."""
    preprocessing = model.recipe.preprocessing
    input, target = held_out.input, held_out.target
    task: Task = model.recipe.task
    if isinstance(target, Cube) and task.predicts_spectra:
        paired = task.target_name is not None
        target = preprocessing.on(target, beside=input if paired else None)
    return replace(held_out, input=preprocessing.on(input), target=target)


class Sides(NamedTuple):
    """How many pixels of an image are on which side."""

    train: int
    test: int
    near: int
    """Of the test pixels, how many have training pixels among what the network sees."""
    all: int


def sides_of(model: Model, held_out: EvaluationPair) -> Sides:
    """Count the pixels that taught, those that test, and those of them that see what taught."""
    far = held_out.test & beyond(held_out.train, model.recipe.network.receptive_radius)
    test = int(held_out.test.sum())
    return Sides(int(held_out.train.sum()), test, test - int(far.sum()), held_out.test.size)


def _coarse_and_fine(task: SuperResolutionTask, fine: Cube) -> tuple[Cube, Cube]:
    example = task.example(fine=fine)
    coarse, whole = (
        planes.reshape(*fine.shape[:-3], *planes.shape[1:])
        for planes in (example.input, example.target)
    )
    top, left = (
        start + step * side
        for start, step, side in zip(
            fine.origin, task.degradation_model.first_centre, fine.pixel_size, strict=True
        )
    )
    input = replace(
        fine, data=coarse, pixel_size=example.pixel_size, origin=(top, left), georeference=None
    )
    return input, replace(fine, data=whole)


def predicts_spectra(model: Model) -> bool:
    """Whether what the model gives are spectra, not channels or classes."""
    task: Task = model.recipe.task
    return task.predicts_spectra


def class_count(held_out: EvaluationPair) -> int:
    """Return how many classes the target has."""
    assert isinstance(held_out.target, Labels)
    return max(len(held_out.target.classes), int(held_out.target.numpy().max()))


def good_bands(held_out: EvaluationPair) -> Good:
    """Return which bands count, shape (band,): those good in the target."""
    assert isinstance(held_out.target, Cube)
    good = held_out.target.axis.good
    return held_out.input.axis.good & good if held_out.same_bands else good
