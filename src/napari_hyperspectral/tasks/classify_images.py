"""Classification of whole images: one class for a cube, or for each plane of a stack.

Source: the image classification in 2D and 3D of spectrai. Ours: missing pixels, images of any size,
and the scores of all classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis, ChannelAxis
from ..cube import Cube, Labels
from ..networks import Normalised
from .base import Example, measured_planes, source_of
from .classes import ClassTask, class_loss, labels_from_scores, with_common_classes


class ClassifyImages(ClassTask):
    """Learn one class for each image: healthy or ill, one species or another.

    Train with several images a batch: with one alone, batch normalisation removes the difference
    between images.
    """

    source: ClassVar[str] = "Horgan & Bergholt 2021, https://arxiv.org/abs/2108.07595"
    image_level: ClassVar[bool] = True
    input_name: ClassVar[str] = "image"
    target_name: ClassVar[str | None] = "label"
    kind: Literal["classify_images"] = "classify_images"
    balance: bool = False
    """Give every class of a batch the same total weight, however many images it has; batches of few
    images often lack a class."""

    def example(self, *, image: Cube, label: str) -> Example:
        """Pair an image with the name of its class.

        Raises
        ------
        ValueError
            If there is no name, it is none of `classes`, or the image holds no measured value.
        """
        names = self.classes or (label,)
        if not label or label not in names:
            expected = "the name of its class"
            if self.classes:
                expected = f"one of {', '.join(self.classes)}"
            raise ValueError(f"image {image.name!r} is labelled {label!r}; wanted {expected}")
        number = names.index(label) + 1
        input = measured_planes(image)
        measured = np.asarray(np.isfinite(input).any(axis=1))  # (plane, y, x)
        plane_measured = measured.any(axis=(1, 2))  # of a stack, some planes may be missing
        target = np.where(plane_measured, np.float32(number), np.float32(0))
        return Example(
            input=input,
            target=target[:, None, None, None],  # (plane, 1, 1, 1)
            sampling_classes=np.where(measured, number, 0),
            input_axis=image.axis,
            output_axis=ChannelAxis(names),
            source=source_of(image.name, label),
            pixel_size=image.pixel_sides,
            pixel_unit=image.pixel_unit,
        )

    def unify_classes(self, examples: Sequence[Example]) -> list[Example]:
        return with_common_classes(examples, self.classes)

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return class_loss(network(input), target, self)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Labels:
        """Return the most probable class at every pixel, with the probabilities of all classes.

        ``metadata["scores"]`` has the probability of each class: a number, or lists of them where
        the image has planes or frames, with None for those that were not measured.

        Parameters
        ----------
        predicted : ndarray, shape (…, class, 1, 1)
            Scores.
        output_axis : ChannelAxis
            Names of the classes.
        cube : Cube
            The classified image.
        """
        labels = labels_from_scores(predicted, output_axis, cube)  # (…, 1, 1)
        size = (*labels.data.shape[:-2], *cube.shape[-2:])
        everywhere = np.broadcast_to(labels.data, size).copy()
        probabilities = np.moveaxis(self.probabilities(predicted), -3, 0)[..., 0, 0]  # (class, …)
        scores = {}
        for name, probability in zip(labels.classes, probabilities, strict=True):
            scores[name] = _as_json(probability)
        return labels.after("classified", data=everywhere, metadata={"scores": scores})


def _as_json(probabilities: NDArray[np.float32]) -> Any:
    """Return a number, or lists of numbers; None where there is none."""
    numbers = np.array(np.round(np.float64(probabilities), 6), object)
    numbers[np.isnan(probabilities)] = None
    return numbers.tolist()
