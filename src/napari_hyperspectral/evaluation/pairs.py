"""What a model is evaluated on: a measurement with its truth, and which pixels train and test."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..cube import Cube, Image, Labels
from ..models.model import Model
from ..place.grid import grid_of, unit_factor
from ..place.same import check_same_place
from ..recipe.building import receptive_radius_of
from ..renamed import EVALUATION_PAIR, with_new_keys
from ..spectra.steps.chain import Chain
from ..tasks import Task
from ..tasks.classes import class_numbers, own_names, present_names
from ..tasks.super_resolution import SuperResolutionTask
from ..training.splits import Mask, beyond

Images: TypeAlias = Mapping[str, Image | str]
"""The images of an example, or the name of a class, as the task names them."""


@dataclass(frozen=True, eq=False)
class EvaluationPair:
    """A measurement with its truth, and which of its pixels are for training and for the test.

    Raises
    ------
    ValueError
        If sizes or places differ, no pixel is left to test on, or a pixel is on both sides.
    """

    input: Cube
    """What the model takes, (…, band, y, x)."""
    target: Cube | Labels
    """The truth, (…, band, y, x) or (…, y, x); of super-resolution, with finer pixels."""
    train: Mask
    """Pixels the model was trained on, shape (y, x); baselines are fitted on the same."""
    test: Mask
    """Pixels of the test, shape (y, x)."""
    same_pixels: bool = False
    """Trust that input and truth show the same pixels, whatever places they state."""

    @property
    def scale(self) -> int:
        """Rows, and columns, of the truth for each of the measurement."""
        fine = self.target.shape[-1]
        coarse = self.input.shape[-1]
        return max(1, fine // coarse)

    @property
    def offset(self) -> tuple[float, float]:
        """Row and column of the centre of the first measured pixel, in pixels of the truth."""
        factor = unit_factor(self.input.pixel_unit, self.target.pixel_unit) or 1.0
        first = factor * grid_of(self.input).first
        row, column = grid_of(self.target).pixels(first).tolist()
        return row, column

    def __post_init__(self) -> None:
        self._check_sizes()
        check_same_place(self.input, self.target, scale=self.scale, same_pixels=self.same_pixels)
        if not self.test.any():
            raise ValueError("no pixel is left to test on; hold out more, or narrow the guard")
        shared = int((self.test & self.train).sum())
        if shared:
            raise ValueError(
                f"{shared} pixels are for training and for the test; give each pixel to one of "
                "them: figures on training pixels say nothing about other data"
            )

    def _check_sizes(self) -> None:
        """Refuse a truth or masks that do not suit the pixels of the cube."""
        height, width = self.input.shape[-2:]
        size = (height, width)
        target_size = (self.scale * height, self.scale * width)
        sizes = (
            ("truth", self.target.shape[-2:], target_size),
            ("mask of training pixels", self.train.shape, size),
            ("mask of test pixels", self.test.shape, size),
        )
        for name, seen, expected in sizes:
            if seen != expected:
                raise ValueError(
                    f"the cube has {size} pixels, the {name} {seen}; give {expected} pixels"
                )

    def with_class_numbers_of(self, model: Model) -> EvaluationPair:
        """Return the pair with the model's class numbers, where it knows all names in the truth.

        Files may number the same classes in another order.
        """
        names = model.card.classes
        target = self.target
        if not isinstance(target, Labels):
            return self
        own = own_names(target, names)
        if own == names and not target.classes:
            return self
        if not present_names(target, own) <= set(names):
            return self
        named = replace(target, classes=own, colours=())
        return replace(self, target=renumbered(named, names))

    def preprocessed(self, model: Model) -> EvaluationPair:
        """Return the pair after the preprocessing of the model; of a truth, only that of spectra."""
        preprocessing: Chain = model.recipe.preprocessing
        task: Task = model.recipe.task
        target = self.target
        if isinstance(target, Cube) and task.predicts_spectra:
            reference = None
            if task.target_name is not None:
                # a target of the same light as the input is normalised by the numbers of the input
                reference = self.input
            target = preprocessing.in_memory(target, reference=reference)
        return replace(self, input=preprocessing.in_memory(self.input), target=target)

    def as_pixel_list(self) -> EvaluationPair:
        """Return the test pixels of all planes as an image of one row, all of it for the test."""
        spectra = spectra_in_row(self.input.numpy(), self.test)
        input = Cube(spectra, self.input.axis)
        values = self.target.numpy()
        target: Cube | Labels
        if isinstance(self.target, Labels):
            target = Labels(classes_in_row(values, self.test), self.target.classes)
        else:
            target = Cube(spectra_in_row(values, self.test), self.target.axis)
        everything = np.ones(input.shape[-2:], bool)
        return test_only_pair(input, target, everything)


def HeldOut(**fields: object) -> EvaluationPair:
    """Return an `EvaluationPair` by the names of its fields in version 0.1.

    .. deprecated:: 0.2
        Use `EvaluationPair`.
    """
    warnings.warn(
        "HeldOut is called EvaluationPair now, with the fields input, target, train and test",
        DeprecationWarning,
        stacklevel=2,
    )
    return EvaluationPair(**with_new_keys(fields, EVALUATION_PAIR))


class PixelCounts(NamedTuple):
    """How many pixels of an image train and test."""

    train: int
    test: int
    near: int
    """Test pixels that have training pixels in the network's receptive field."""
    all: int


def pixel_counts(model: Model, pair: EvaluationPair) -> PixelCounts:
    """Count the training pixels of a pair, its test pixels, and those near training pixels."""
    radius = receptive_radius_of(model.recipe)
    far = pair.test & beyond(pair.train, radius)
    test = int(pair.test.sum())
    return PixelCounts(
        train=int(pair.train.sum()),
        test=test,
        near=test - int(far.sum()),
        all=pair.test.size,
    )


def test_only_pair(
    input: Cube,
    target: Cube | Labels,
    test: Mask,
) -> EvaluationPair:
    """Return a pair without training pixels; `test` has the shape (y, x)."""
    nothing = np.zeros_like(test)
    return EvaluationPair(input, target, train=nothing, test=test)


def input_and_target(
    task: Task,
    images: Mapping[str, Image | str],
) -> tuple[Cube, Cube | Labels]:
    """Return the input and the target of a task from the images of an example, by their names.

    A task that learns from one image alone degrades it: the input is the coarse image, the target
    that part of the image which fills whole coarse pixels.
    """
    input = images[task.input_name]
    assert isinstance(input, Cube)
    if isinstance(task, SuperResolutionTask):
        return _coarse_and_fine(task, input)
    assert task.target_name is not None
    target = images[task.target_name]
    assert isinstance(target, Cube | Labels)
    return input, target


def renumbered(labels: Labels, names: tuple[str, ...]) -> Labels:
    """Return labels whose numbers count `names` from 1; a class that is none of them becomes 0."""
    numbers = class_numbers(labels.classes, names)
    return replace(
        labels,
        data=numbers[labels.numpy()],
        classes=names,
        colours=(),  # they go by the old numbers
    )


def spectra_in_row(data: NDArray[Any], mask: Mask) -> NDArray[Any]:
    """Return the spectra of the masked pixels of all planes in a row.

    Parameters
    ----------
    data : ndarray, shape (…, band, y, x)
        Intensities, in any unit.
    mask : ndarray of bool, shape (y, x)
        Pixels that are taken, of each plane.

    Returns
    -------
    ndarray, shape (band, 1, spectrum)
    """
    bands_first = np.moveaxis(data, -3, 0)
    spectra = bands_first[..., mask]  # (band, …, pixel)
    return spectra.reshape(len(spectra), 1, -1)


def classes_in_row(data: NDArray[Any], mask: Mask) -> NDArray[Any]:
    """Return the classes of the masked pixels of all planes, (…, y, x), in a row, (1, pixel)."""
    return data[..., mask].reshape(1, -1)


def _coarse_and_fine(task: SuperResolutionTask, fine: Cube) -> tuple[Cube, Cube]:
    """Return an image degraded as the task says, and the part of the image that it shows."""
    example = task.example(fine=fine)
    leading = fine.shape[:-3]  # an example has one axis of planes for all of them
    measured = task.measured_input(example)
    coarse = measured.reshape(*leading, *measured.shape[1:])
    target = example.target.reshape(*leading, *example.target.shape[1:])
    row, column = task.degradation_model.first_centre  # of the first coarse pixel, in fine pixels
    height, width = fine.pixel_size
    input = replace(
        fine,
        data=coarse,
        pixel_size=(task.scale * height, task.scale * width),
        georeference=None,  # it goes by fine pixels
        **fine.place_at(row, column),
    )
    return input, replace(fine, data=target)
