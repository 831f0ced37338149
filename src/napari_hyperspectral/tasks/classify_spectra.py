"""Classification of spectra: a class for each spectrum of a list, or of a map.

Source: spectrai, Conor Horgan and Mads Bergholt; one class a file, or labels with a table. Ours:
files that hold one class each are joined by the names of the classes.
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
    with_common_classes,
)


class ClassifySpectra(PairSettings, ClassTask):
    """Learn the class of single spectra; those without a label (0) are ignored."""

    source: ClassVar[str] = "Horgan & Bergholt 2021, https://arxiv.org/abs/2108.07595"
    input_name: ClassVar[str] = "spectra"
    target_name: ClassVar[str | None] = "labels"
    kind: Literal["classify_spectra"] = "classify_spectra"

    def example(self, *, spectra: Cube, labels: Labels) -> Example:
        """Pair spectra with their classes; one class is enough if another example has others.

        Names that come with the labels are used, and later numbered in the order of `classes`.

        Raises
        ------
        ValueError
            If there are not as many labels as spectra, they lie elsewhere, none is labelled, a label is negative, or
            there are more classes than names.
        """
        example = labelled_example(
            spectra,
            labels,
            labels.classes or self.classes,
            all_classes=bool(self.classes) and labels.classes in ((), self.classes),
            same_pixels=self.same_pixels,
        )
        if not example.sampling_classes.any():
            raise ValueError(
                f"labels {labels.name!r} name the class of no measured spectrum; "
                "number them from 1, 0 being unlabelled"
            )
        return example

    def unify_classes(self, examples: Sequence[Example]) -> list[Example]:
        return with_common_classes(examples, self.classes)

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        return class_loss(network(input), target, self)

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Labels:
        return labels_from_scores(predicted, output_axis, cube).after("classified")
