"""What the tasks that predict classes share: numbering, the loss, and the labels that result."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray
from pydantic import field_validator
from torch import Tensor

from ..axis import Axis, ChannelAxis
from ..cube import Cube, Labels
from ..devices import tensor_of
from ..networks import Normalisation
from ..painting.classes import placeholder
from ..place.same import WAYS_OUT_OF_SIZES, check_same_place
from . import losses, selection
from .base import Example, Task, flat_planes, measured_planes, source_of

_PENALTIES: Final = {
    "cross-entropy": losses.cross_entropy,
    "binary": losses.binary_cross_entropy,
    "focal": losses.focal,
}
_PLACEHOLDER: Final = re.compile(r"class (\d+)")
"""The name of a class that nobody named."""
_MAX_CLASSES: Final = 1000
"""More are taken for a measurement by mistake: numbers of a label image are few."""


class ClassTask(Task):
    """A task that predicts classes, numbered from 1; targets of 0 are ignored."""

    predicts_intensities: ClassVar[bool] = False
    ignore_value: ClassVar[float] = 0.0
    selection_name: ClassVar[str] = "1 − kappa"
    normalise: Normalisation = "band"
    """How spectra are normalised. band, cube: by mean and standard deviation of the training data,
    of each band or of all bands together; mean, maximum: each spectrum by its own, which removes
    differences in brightness."""
    classes: tuple[str, ...] = ()
    """Names of the classes 1, 2, …; left empty, those of the examples."""
    penalty: Literal["cross-entropy", "binary", "focal"] = "cross-entropy"
    """Loss of each pixel. cross-entropy: one class against all others; binary: each class present or
    not, by itself; focal: cross-entropy with less weight on easy pixels."""
    dice: Annotated[float, Ge(0)] = 0.0
    """Weight of the Dice loss of each class, for outlines and small classes."""
    smoothing: Annotated[float, Ge(0), Lt(1)] = 0.05
    """Label smoothing: share of certainty that is spread over all classes (not in Dice)."""
    balance: bool = True
    """Give every class of a batch the same total weight, however many pixels, spectra or images it
    has (Dice does anyway)."""
    weights: tuple[str, ...] = ()
    """Class weights, such as corn=2.5: factor of the loss where that is the right class; 1 for classes
    that are not named. They multiply those of balance."""

    @field_validator("weights")
    @classmethod
    def _weights_can_be_read(cls, weights: tuple[str, ...]) -> tuple[str, ...]:
        names = [_read_weight(weight)[0] for weight in weights]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            listed = " and ".join(sorted(twice))
            raise ValueError(f"{listed} cannot have two weights; leave one out")
        return weights

    def with_classes(self, output_axis: Axis) -> Self:
        if not self.weights:
            return self
        classes = class_names(output_axis)
        for weight in self.weights:
            name, _ = _read_weight(weight)
            if name not in classes:
                raise ValueError(
                    f"there is a weight for {name!r}, which is none of the classes "
                    f"{', '.join(classes)}; write it as it is there, or leave it out"
                )
        return self.model_copy(update={"classes": classes})

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """Factor of the loss where each class is right; None: 1 for all.

        Raises
        ------
        ValueError
            If there are weights, but the classes have no names yet: see `with_classes`.
        """
        if not self.weights:
            return None
        if not self.classes:
            raise ValueError("weights go by the names of classes; name them all under classes")
        weights = dict(map(_read_weight, self.weights))
        return tuple(weights.get(name, 1.0) for name in self.classes)

    def selection_error(
        self, prediction: NDArray[np.floating], target: NDArray[np.floating]
    ) -> float:
        return selection.lack_of_agreement(prediction, target)

    def has_target(self, target: Tensor) -> Tensor:
        return target.sum(dim=1) > 0

    def probabilities(self, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores, (…, class, y, x), as probabilities of the same shape.

        They add up to 1, except for the penalty binary, which gives each class one of its own.
        """
        scores = tensor_of(np.ascontiguousarray(predicted))
        if self.penalty == "binary":
            return scores.sigmoid().numpy()
        return scores.softmax(dim=-3).numpy()


def class_loss(
    scores: Tensor,
    target: Tensor,
    task: ClassTask,
) -> Tensor:
    """Return the loss of class scores: the penalty, and Dice where it has a weight.

    Parameters
    ----------
    scores : Tensor, shape (batch, class, y, x)
        As the network gives them.
    target : Tensor, shape (batch, 1, y, x) or (batch, class, y, x)
        Class of each pixel, from 1, or after mixup the share of each; 0 is ignored.
    task : ClassTask
        Its settings choose the terms.
    """
    labels = target
    if target.shape[1] == 1:
        labels = target[:, 0].long()  # (batch, y, x)
    class_weights = None
    if task.class_weights is not None:
        class_weights = scores.new_tensor(task.class_weights)
    balance = None
    if task.balance:
        balance = losses.balancing_weights(labels, scores.shape[1])
    penalty = _PENALTIES[task.penalty]
    loss = penalty(
        scores,
        labels,
        balance=balance,
        class_weights=class_weights,
        smoothing=task.smoothing,
    )
    if task.dice:
        overlap = losses.dice(
            scores,
            labels,
            class_weights=class_weights,
            # binary: each class has a probability of its own
            independent=task.penalty == "binary",
        )
        loss = loss + task.dice * overlap
    return loss


def labelled_example(
    cube: Cube,
    labels: Labels,
    classes: tuple[str, ...],
    *,
    all_classes: bool = False,
    same_pixels: bool = False,
) -> Example:
    """Pair a cube with a class for each of its pixels, or for each spectrum of a list.

    Labels need not be numbered without gaps: numbers that no pixel has, and nobody named, are no
    classes, and those that follow move up.

    Parameters
    ----------
    cube : Cube
        The input, (…, band, y, x).
    labels : Labels
        Of the shape of the cube without its bands, (…, y, x); 0 is unlabelled.
    classes : tuple of str
        Names of classes 1, 2, …; () takes those of the labels, or numbers.
    all_classes : bool
        Whether `classes` are all there are, such as those of a model: none is left out.
    same_pixels : bool
        See `PairSettings`.

    Raises
    ------
    ValueError
        If sizes or places differ, nothing is labelled, a label is negative, or there are more classes than
        names.
    """
    _check_label_size(cube, labels)
    check_same_place(cube, labels, same_pixels=same_pixels)
    numbers = flat_planes(labels.numpy(), 2)  # (plane, y, x)
    lowest = numbers.min()
    highest = numbers.max()
    if lowest < 0 or highest > _MAX_CLASSES:
        raise ValueError(
            f"labels {labels.name!r} run from {lowest} to {highest}; "
            f"wanted 0 for unlabelled and 1 to {_MAX_CLASSES} for the classes"
        )
    input = measured_planes(cube)
    # there is nothing to learn from where no band is measured
    measured = np.isfinite(input).any(axis=1)
    numbers = np.where(measured, numbers, 0)
    names = _named(labels, classes, int(numbers.max()))
    kept = np.arange(1, len(names) + 1)  # numbers of classes in the labels
    if not all_classes:
        kept = _without_gaps(names, numbers)
    renumber = np.zeros(len(names) + 1, np.int64)
    renumber[kept] = np.arange(1, len(kept) + 1)
    numbers = renumber[numbers]
    colours = labels.colours
    if len(colours) == len(names):
        colours = tuple(colours[number - 1] for number in kept)
    return Example(
        input=input,
        target=numbers[:, None].astype(np.float32),
        sampling_classes=numbers,
        input_axis=cube.axis,
        output_axis=ChannelAxis(tuple(names[number - 1] for number in kept)),
        source=source_of(cube.name, labels.name),
        pixel_size=cube.pixel_size,
        pixel_unit=cube.pixel_unit,
        colours=colours,
    )


def _check_label_size(cube: Cube, labels: Labels) -> None:
    """Refuse labels that have not one number for each spectrum of a cube."""
    pixels = []
    for size, dim in zip(cube.shape, cube.dims, strict=True):
        if dim != "band":
            pixels.append(size)
    expected = tuple(pixels)
    if labels.shape != expected:
        raise ValueError(
            f"labels {labels.name!r} are {labels.shape}, the pixels of cube {cube.name!r} "
            f"are {expected}; make a label image of that size, or {WAYS_OUT_OF_SIZES}"
        )


def labels_from_scores(
    scores: NDArray[np.float32],
    output_axis: Axis,
    cube: Cube,
) -> Labels:
    """Return the class of the highest score at each pixel, 0 where all scores are missing.

    Parameters
    ----------
    scores : ndarray, shape (…, class, y, x)
        Any real numbers; NaN where nothing was measured.
    output_axis : ChannelAxis
        Names of the classes.
    cube : Cube
        What was predicted from: its position and history become those of the labels.
    """
    classes = class_names(output_axis)
    missing = np.isnan(scores).all(axis=-3)
    best = np.nan_to_num(scores).argmax(axis=-3) + 1
    numbers = np.where(missing, 0, best)  # (…, y, x)
    return cube.as_labels(
        numbers.astype(np.uint8 if len(classes) < 256 else np.uint16),
        classes,
        name=f"{cube.name} classes".strip(),
        metadata={},
    )


def with_common_classes(
    examples: Sequence[Example],
    classes: tuple[str, ...],
) -> list[Example]:
    """Return the examples with one numbering of classes: that of `classes`, or by name.

    Lists that begin alike (class 1, class 2, …) keep their order: the longest is taken.

    Raises
    ------
    ValueError
        If there are fewer than two classes in all, or one is none of `classes`.
    """
    lists = [class_names(example.output_axis) for example in examples]
    names = classes or _common(lists)
    _check_present(examples, names)
    colours = _common_colours(examples, names)
    renumbered = []
    for example in examples:
        renumbered.append(_with_classes(example, names, colours))
    return renumbered


def with_numbered_classes(examples: Sequence[Example]) -> list[Example]:
    """Return the examples with one numbering of classes where some are named by numbers alone.

    Labels of different images need not have the same numbers: class 1 and 5, and class 1 and 2.
    Where names are other than numbers they stay as they are.
    """
    lists = [class_names(example.output_axis) for example in examples]
    names = _common(lists)
    numbered = all(_PLACEHOLDER.fullmatch(name) for name in names)
    if not numbered or all(names[: len(own)] == own for own in lists):
        return list(examples)
    colours = _common_colours(examples, names)
    return [_with_classes(example, names, colours) for example in examples]


def _check_present(examples: Sequence[Example], names: tuple[str, ...]) -> None:
    """Refuse examples of a class that is none of `names`, or of fewer than two classes in all."""
    sources: dict[str, str] = {}  # class to an example of it
    for example in examples:
        own = class_names(example.output_axis)
        sources |= dict.fromkeys(_present(example.target, own), example.source)
    for name in sources.keys() - set(names):
        raise ValueError(f"{sources[name]} is of class {name!r}; wanted one of {', '.join(names)}")
    if len(sources) < 2:
        raise ValueError(
            f"all examples are of one class ({', '.join(sources) or 'none'}); "
            "give examples of at least two"
        )


def _common_colours(
    examples: Sequence[Example],
    names: tuple[str, ...],
) -> tuple[str, ...]:
    """Return a colour for each name, as the last example has it; () where one has none."""
    colours: dict[str, str] = {}
    for example in examples:
        own = class_names(example.output_axis)
        colours |= dict(zip(own, example.colours))  # () where nobody chose any
    if not set(names) <= colours.keys():
        return ()
    return tuple(colours[name] for name in names)


def class_names(output_axis: Axis) -> tuple[str, ...]:
    """Return the names of the classes that a task predicts."""
    assert isinstance(output_axis, ChannelAxis)  # classes are named channels
    return output_axis.names


def class_numbers(
    classes: Sequence[str],
    names: Sequence[str],
) -> NDArray[np.int64]:
    """Return the number among `names` of each of `classes`, to renumber labels by indexing.

    Parameters
    ----------
    classes : sequence of str
        Names of the classes 1, 2, … of some labels.
    names : sequence of str
        Names of the classes 1, 2, … that the labels are to have.

    Returns
    -------
    ndarray of int64, shape (1 + classes,)
        0 stays 0, unlabelled; so does a class that is none of `names`.
    """
    numbers = [0]
    for name in classes:
        number = 0
        if name in names:
            number = names.index(name) + 1
        numbers.append(number)
    return np.array(numbers, np.int64)


def _read_weight(weight: str) -> tuple[str, float]:
    """Return name and number of what was written as name=number."""
    # the last equals sign: names may hold others
    name, equals, written = weight.rpartition("=")
    name = name.strip()
    try:
        number = float(written)
    except ValueError:
        number = float("nan")
    can_weigh = 0 <= number < float("inf")
    if not (name and equals and can_weigh):
        raise ValueError(
            f"cannot read the weight {weight!r}; wanted class=number, such as corn=2.5"
        )
    return name, number


def _common(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the longest list where all others begin it; else all names in alphabetical order."""
    longest = max(lists, key=len, default=())
    if all(longest[: len(names)] == names for names in lists):
        return longest
    names: set[str] = set().union(*lists)
    return tuple(sorted(names, key=_by_number))


def _by_number(name: str) -> tuple[str, int, str]:
    """Return what names are sorted by: "class 9" comes before "class 10"."""
    match = _PLACEHOLDER.fullmatch(name)
    if match is None:
        return (name, 0, "")
    return ("class", int(match[1]), name)


def _present(target: NDArray[np.float32], names: tuple[str, ...]) -> Iterable[str]:
    """Yield the names of the classes that some pixel has."""
    for number in np.unique(target):
        if number > 0:
            yield names[int(number) - 1]


def _with_classes(
    example: Example,
    names: tuple[str, ...],
    colours: tuple[str, ...],
) -> Example:
    """Return an example whose classes are numbered by `names`, no longer by its own."""
    own = class_names(example.output_axis)
    numbers = class_numbers(own, names)
    target = example.target.astype(np.int64)
    return replace(
        example,
        target=numbers[target].astype(np.float32),
        sampling_classes=numbers[example.sampling_classes],
        output_axis=ChannelAxis(names),
        colours=colours,
    )


def own_names(labels: Labels, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes 1, 2, … of labels that are to be numbered as `names`.

    Labels without names are numbered alike, unless `names` are those of labels whose numbers had
    gaps (class 1, class 5): then they are named by their numbers.
    """
    highest = int(labels.numpy().max())
    if labels.classes:
        beyond = range(len(labels.classes) + 1, highest + 1)
        return (*labels.classes, *map(placeholder, beyond))
    for number, name in enumerate(names, start=1):
        if name != placeholder(number) and _PLACEHOLDER.fullmatch(name):
            return tuple(map(placeholder, range(1, highest + 1)))
    return tuple(names)


def present_names(labels: Labels, own: Sequence[str]) -> set[str]:
    """Return the names, of its `own`, that some pixel of labels has."""
    numbers = np.unique(labels.numpy())
    return {own[number - 1] for number in numbers if 0 < number <= len(own)}


def _without_gaps(names: Sequence[str], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of classes that some pixel has, or that somebody named."""
    present = set(np.unique(numbers).tolist())
    kept = []
    for number, name in enumerate(names, start=1):
        if number in present or name != placeholder(number):
            kept.append(number)
    return np.array(kept, np.int64)


def _named(
    labels: Labels,
    classes: tuple[str, ...],
    highest: int,
) -> tuple[str, ...]:
    """Return the classes of labels that go up to `highest`, with names or numbers."""
    names = classes or labels.classes
    if names and len(names) < highest:
        raise ValueError(
            f"labels {labels.name!r} go up to {highest}, but only {len(names)} classes have "
            f"names ({', '.join(names)}); name them all, or none"
        )
    if names:
        return tuple(names)
    if not highest:
        raise ValueError(
            f"labels {labels.name!r} name the class of no measured spectrum; "
            "number them from 1, 0 being unlabelled"
        )
    numbers = range(1, highest + 1)
    return tuple(placeholder(number) for number in numbers)
