"""What the tasks that tell classes share: names, what an error costs, and how scores are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Lt
from numpy.typing import NDArray
from pydantic import field_validator
from torch import Tensor

from ..axis import Axis, ChannelAxis
from ..cube import Cube, Labels
from ..networks import Normalisation
from . import losses
from .base import Example, Task, measured_planes, planes, source_of

_PENALTIES: Final = {
    "cross-entropy": losses.cross_entropy,
    "binary": losses.binary_cross_entropy,
    "focal": losses.focal,
}
_MOST_CLASSES: Final = 1000


class ClassTask(Task):
    """A task whose result are classes, numbered from 1; 0 teaches nothing."""

    predicts_intensities: ClassVar[bool] = False
    ignore_value: ClassVar[float] = 0.0
    normalise: Normalisation = "band"
    """How spectra are brought to one scale before the network. band or cube: by mean and spread of
    the training set, of each band or of all together; mean or maximum: each spectrum by its own,
    which takes away differences in brightness."""
    classes: tuple[str, ...] = ()
    """Names of the classes numbered 1, 2, …; left empty, they come with the examples."""
    penalty: Literal["cross-entropy", "binary", "focal"] = "cross-entropy"
    """What an error costs: cross-entropy weighs the classes against each other; binary asks for
    each class whether it is there or not; focal is cross-entropy that leaves easy pixels alone."""
    dice: Annotated[float, Ge(0)] = 0.0
    """Weight of 1 − Dice overlap of each class: outlines, and small classes, count more."""
    smoothing: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Doubt about the labels: this share of certainty is spread over all classes (not in Dice)."""
    balance: bool = True
    """Let every class of a step count alike, however many pixels, spectra or images there are of it
    (Dice does anyway)."""
    weights: tuple[str, ...] = ()
    """How many times as much an error costs where a class is right, such as corn=2.5; classes that are
    not named cost 1. With balance, on top of it."""

    @field_validator("weights")
    @classmethod
    def _weights_can_be_read(cls, weights: tuple[str, ...]) -> tuple[str, ...]:
        names = [_read_weight(weight)[0] for weight in weights]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(
                f"{' and '.join(sorted(twice))} cannot have two weights; leave one out"
            )
        return weights

    def with_classes(self, output_axis: Axis) -> Self:
        if not self.weights:
            return self
        assert isinstance(output_axis, ChannelAxis)
        for name in dict(map(_read_weight, self.weights)):
            if name not in output_axis.names:
                raise ValueError(
                    f"there is a weight for {name!r}, which is none of the classes "
                    f"{', '.join(output_axis.names)}; write it as it is there, or leave it out"
                )
        return self.model_copy(update={"classes": output_axis.names})

    @property
    def prices(self) -> tuple[float, ...] | None:
        """How many times as much an error costs where each class is right; None: 1 everywhere."""
        if not self.weights:
            return None
        if not self.classes:
            raise ValueError("weights go by the names of classes; name them all under classes")
        input = dict(map(_read_weight, self.weights))
        return tuple(input.get(name, 1.0) for name in self.classes)

    def has_target(self, target: Tensor) -> Tensor:
        return target.sum(dim=1) > 0

    def probabilities(self, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn scores, (…, class, y, x), into probabilities of the same shape.

        They add up to 1, but for the penalty binary: it judges each class by itself.
        """
        scores = torch.from_numpy(np.ascontiguousarray(predicted))
        binary = self.penalty == "binary"
        return (scores.sigmoid() if binary else scores.softmax(dim=-3)).numpy()


def class_cost(scores: Tensor, target: Tensor, task: ClassTask) -> Tensor:
    """Return the cost of class scores: the penalty, and Dice where it has a weight.

    Parameters
    ----------
    scores : Tensor, shape (batch, class, y, x)
        As the network gives them.
    target : Tensor, shape (batch, 1, y, x) or (batch, class, y, x)
        Class of each pixel, from 1, or where they were mixed the share of each; 0 costs nothing.
    task : ClassTask
        Says what errors cost.
    """
    labels = target[:, 0].long() if target.shape[1] == 1 else target
    weights = losses.balancing(labels, scores.shape[1]) if task.balance else None
    prices = None if task.prices is None else scores.new_tensor(task.prices)
    cost = _PENALTIES[task.penalty](
        scores, labels, weights=weights, prices=prices, smoothing=task.smoothing
    )
    if task.dice:
        independent = task.penalty == "binary"  # then each class has a probability of its own
        cost = cost + task.dice * losses.dice(
            scores, labels, prices=prices, independent=independent
        )
    return cost


def labelled_example(cube: Cube, labels: Labels, classes: tuple[str, ...]) -> Example:
    """Pair a cube with a class for each of its pixels, or for each spectrum of a list.

    Raises
    ------
    ValueError
        If sizes differ, nothing is labelled, a label is negative, or there are more classes than
        names.
    """
    target_shape = tuple(n for n, d in zip(cube.shape, cube.dims, strict=True) if d != "band")
    if labels.shape != target_shape:
        raise ValueError(
            f"labels {labels.name!r} are {labels.shape}, the pixels of cube {cube.name!r} "
            f"are {target_shape}; make a label image of that size"
        )
    ids = planes(labels.numpy(), 2)
    if ids.min() < 0 or ids.max() > _MOST_CLASSES:
        raise ValueError(
            f"labels {labels.name!r} run from {ids.min()} to {ids.max()}; "
            f"wanted 0 for unlabelled and 1 to {_MOST_CLASSES} for the classes"
        )
    input = measured_planes(cube)
    ids = np.where(np.isfinite(input).any(axis=1), ids, 0)
    return Example(
        input,
        ids[:, None].astype(np.float32),
        ids,
        cube.axis,
        _named(labels, classes, int(ids.max())),
        source_of(cube.name, labels.name),
        cube.pixel_size,
        cube.pixel_unit,
        labels.colours,
    )


def labels_of(predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Labels:
    """Return the class of the highest score at each pixel, 0 where there is none.

    Parameters
    ----------
    predicted : ndarray, shape (…, class, y, x)
        Scores.
    output_axis : ChannelAxis
        Names of the classes.
    cube : Cube
        Whose place in space and past the labels share.
    """
    assert isinstance(output_axis, ChannelAxis)
    missing = np.isnan(predicted).all(axis=-3)
    ids = np.where(missing, 0, np.nan_to_num(predicted).argmax(axis=-3) + 1)
    return Labels(
        ids.astype(np.uint8 if len(output_axis) < 256 else np.uint16),
        output_axis.names,
        pixel_size=cube.pixel_size,
        origin=cube.origin,
        pixel_unit=cube.pixel_unit,
        z=cube.z,
        t=cube.t,
        name=f"{cube.name} classes".strip(),
        history=cube.history,
    )


def with_common_classes(examples: Sequence[Example], classes: tuple[str, ...]) -> list[Example]:
    """Return the examples with one numbering of classes: that of `classes`, or by name.

    Lists that begin alike (class 1, class 2, …) keep their order: the longest is taken.

    Raises
    ------
    ValueError
        If there are fewer than two classes in all, or one is none of `classes`.
    """
    lists = [e.output_axis.names for e in examples if isinstance(e.output_axis, ChannelAxis)]
    both = list(zip(examples, lists, strict=True))
    found = {name: e.source for e, known in both for name in _present(e.target, known)}
    names = classes or _common(lists)
    for name in found.keys() - set(names):
        raise ValueError(f"{found[name]} is of class {name!r}; wanted one of {', '.join(names)}")
    if len(found) < 2:
        raise ValueError(
            f"all examples are of one class ({', '.join(found) or 'none'}); "
            "give examples of at least two"
        )
    colour = {n: c for e, known in both for n, c in zip(known, e.colours)}
    colours = tuple(colour[name] for name in names) if colour.keys() >= set(names) else ()
    return [_renumbered(example, known, names, colours) for example, known in both]


def _read_weight(weight: str) -> tuple[str, float]:
    """Return name and number of what was written as name=number."""
    name, equals, written = weight.rpartition("=")
    try:
        number = float(written)
    except ValueError:
        number = float("nan")
    if not (name.strip() and equals and 0 <= number < float("inf")):
        raise ValueError(
            f"cannot read the weight {weight!r}; wanted class=number, such as corn=2.5"
        )
    return name.strip(), number


def _common(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    longest = max(lists, key=len, default=())
    if all(longest[: len(names)] == names for names in lists):
        return longest
    return tuple(sorted({name for names in lists for name in names}))


def _present(target: NDArray[np.float32], names: tuple[str, ...]) -> list[str]:
    return [names[int(number) - 1] for number in np.unique(target) if number > 0]


def _renumbered(
    example: Example, known: tuple[str, ...], names: tuple[str, ...], colours: tuple[str, ...]
) -> Example:
    number = np.array([0, *(names.index(name) + 1 if name in names else 0 for name in known)])
    return replace(
        example,
        target=number[example.target.astype(np.int64)].astype(np.float32),
        sampling_classes=number[example.sampling_classes],
        output_axis=ChannelAxis(names),
        colours=colours,
    )


def _named(labels: Labels, classes: tuple[str, ...], most: int) -> ChannelAxis:
    names = classes or labels.classes
    if names and len(names) < most:
        raise ValueError(
            f"labels {labels.name!r} go up to {most}, but only {len(names)} classes have "
            f"names ({', '.join(names)}); name them all, or none"
        )
    if not names and not most:
        raise ValueError(
            f"labels {labels.name!r} name the class of no measured spectrum; "
            "number them from 1, 0 being unknown"
        )
    return ChannelAxis(tuple(names) or tuple(f"class {i}" for i in range(1, most + 1)))
