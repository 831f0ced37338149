"""Segmentation: from a cube to a class for each pixel, learned from a few painted pixels.

Source: the masked loss over a whole image is that of Zheng et al. 2020,
https://doi.org/10.1109/TGRS.2020.2967821.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis
from ..cube import Cube, Labels
from ..networks import Normalised
from .base import Example, PairSettings
from .classes import (
    ClassTask,
    class_loss,
    labelled_example,
    labels_from_scores,
    with_numbered_classes,
)


class Segment(PairSettings, ClassTask):
    """Learn classes from painted labels; unlabelled pixels (0) are ignored."""

    source: ClassVar[str] = "Zheng et al. 2020, https://doi.org/10.1109/TGRS.2020.2967821"
    input_name: ClassVar[str] = "cube"
    target_name: ClassVar[str | None] = "labels"
    kind: Literal["segment"] = "segment"

    def example(self, *, cube: Cube, labels: Labels) -> Example:
        """Pair a cube with painted labels of the same pixels.

        Raises
        ------
        ValueError
            If sizes or places differ, fewer than two classes are painted, a label is negative, or there are
            more classes than names.
        """
        example = labelled_example(
            cube,
            labels,
            self.classes,
            all_classes=bool(self.classes),
            same_pixels=self.same_pixels,
        )
        numbers = example.sampling_classes  # (plane, y, x), 0 for unlabelled
        painted = len(np.unique(numbers[numbers > 0]))
        if painted < 2:
            raise ValueError(
                f"labels {labels.name!r} hold {painted} painted classes on measured pixels; "
                "paint at least two"
            )
        return example

    def unify_classes(self, examples: Sequence[Example]) -> list[Example]:
        return with_numbered_classes(examples)

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return class_loss(network(input), target, self)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Labels:
        return labels_from_scores(predicted, output_axis, cube).after("segmented")
