"""Classification of whole images: one class for a cube, or for each plane of a stack.

Source: spectrai, whose image classification in 2D and 3D this is. Ours: missing pixels, images of
any size, and the scores of all classes beside the winner.
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
from .classes import ClassTask, class_cost, labels_of, with_common_classes


class ClassifyImages(ClassTask):
    """Learn what an image shows as a whole: healthy or ill, one species or another.

    Train on several images together: networks that normalise each batch see no difference between
    images that come one by one.
    """

    source: ClassVar[str] = "Horgan & Bergholt 2021, https://arxiv.org/abs/2108.07595"
    image_level: ClassVar[bool] = True
    input_name: ClassVar[str] = "image"
    target_name: ClassVar[str | None] = "label"
    kind: Literal["classify_images"] = "classify_images"
    balance: bool = False
    """Let every class of a step count alike, however many images there are of it; of few images
    together, often only one of a class is there."""

    def example(self, *, image: Cube, label: str) -> Example:
        """Pair an image with the name of its class.

        Raises
        ------
        ValueError
            If there is no name, it is none of `classes`, or the image holds no measured value.
        """
        names = self.classes or (label,)
        if not label or label not in names:
            raise ValueError(
                f"image {image.name!r} is labelled {label!r}; wanted "
                + (f"one of {', '.join(self.classes)}" if self.classes else "the name of its class")
            )
        input = measured_planes(image)
        number = names.index(label) + 1
        measured = np.asarray(np.isfinite(input).any(axis=1))
        seen = np.asarray(measured.any(axis=(1, 2)))[:, None, None, None]  # planes may be missing
        return Example(
            input,
            np.where(seen, np.float32(number), np.float32(0)),
            np.where(measured, number, 0),
            image.axis,
            ChannelAxis(names),
            source_of(image.name, label),
            image.pixel_size,
            image.pixel_unit,
        )

    def unify_classes(self, examples: Sequence[Example]) -> list[Example]:
        return with_common_classes(examples, self.classes)

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return class_cost(network(input), target, self)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Labels:
        """Return the winning class all over the image, and what all classes scored.

        ``metadata["scores"]`` has the probability of each class: a number, or lists of them where
        the image has planes or frames, with None for those that were not measured.
        """
        labels = labels_of(predicted, output_axis, cube)
        size = np.broadcast_to(labels.data, (*labels.data.shape[:-2], *cube.shape[-2:]))
        chances = np.moveaxis(self.probabilities(predicted), -3, 0)[..., 0, 0]
        scores = {
            name: _listed(chance) for name, chance in zip(labels.classes, chances, strict=True)
        }
        return labels.after("classified", data=size.copy(), metadata={"scores": scores})


def _listed(chances: NDArray[np.float32]) -> Any:
    """Return probabilities as JSON has them: a number, or lists; None where there is none."""
    listed = np.array(np.round(np.float64(chances), 6), object)
    listed[np.isnan(chances)] = None
    return listed.tolist()
