"""What every comparison of predictions with the truth has: figures, baselines, notes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...models.model import Model
from ...recipe.building import receptive_radius_of
from ...training.splits import Mask
from ..baselines.baseline import Baseline, Values
from ..classical import method_title
from ..pairs import EvaluationPair, PixelCounts
from ..pictures.base import Picture
from ..reports import Row, Table

Figures = dict[str, float]
"""Value of each figure of merit, by its name and unit."""


class MethodResult(NamedTuple):
    """What a model or a baseline gives for the input."""

    method: str
    settings: str
    image: Values
    """Intensities, (…, band, y, x), or classes, (…, y, x)."""
    probabilities: NDArray[np.floating] | None = None
    """Of classes, from 0 to 1, (…, class, y, x); None where there are none."""

    @property
    def columns(self) -> dict[str, str]:
        """How it is named in a row of a table."""
        return {"method": self.method, "settings": self.settings}


class GuardedTest(NamedTuple):
    """Test pixels that lie further than `guard` pixels from all training pixels."""

    guard: int
    test: Mask


class Comparison(ABC):
    """How predictions for a pair of input and truth are measured, and against what.

    Parameters
    ----------
    model : Model
        That predicts.
    pair : EvaluationPair
        Preprocessed as for the model, with its class numbers: `comparison_for` does both.
    """

    of_images: ClassVar[bool] = False
    """Whether figures are of images: those of several are averaged, not made of all pixels."""

    def __init__(self, model: Model, pair: EvaluationPair) -> None:
        self.model = model
        self.pair = pair

    @abstractmethod
    def figures(self, prediction: Values, test: Mask) -> Figures:
        """Return figures of merit of a prediction on the pixels of `test`, shape (y, x)."""

    @abstractmethod
    def baselines(self, *, tuned: bool) -> Iterator[Baseline]:
        """Yield what the model has to beat besides the classical methods that are models themselves.

        Without `tuned`, only what needs no tuning; without training pixels nothing can be tuned.
        """

    @abstractmethod
    def notes(self, counts: PixelCounts) -> list[str]:
        """Return sentences that say what the figures mean, for so many pixels."""

    @abstractmethod
    def pixels(self, prediction: Values) -> Values:
        """Return the test pixels of all planes of a prediction as an image of one row."""

    def counts(self, test: Mask) -> dict[str, int]:
        """Return how much there is to measure in `test`, shape (y, x), as columns of a table."""
        return {"pixels": int(test.sum())}

    def class_tables(self, results: Sequence[MethodResult], guarded: GuardedTest) -> list[Table]:
        """Return figures of each class, where there are classes."""
        return []

    @abstractmethod
    def pictures(self, results: Sequence[MethodResult], test: Mask) -> list[Picture]:
        """Return what shows where predictions and truth differ on the pixels of `test`, (y, x).

        Pictures hold what they show, and no more: of large images, crops, or means over blocks.
        The result of the model comes first, then that of the best baseline, then those of others.
        """

    def result(self, baseline: Baseline) -> MethodResult:
        """Run a baseline on the input."""
        image = baseline.run(self.pair.input.numpy())
        return MethodResult(baseline.name, baseline.settings, image)

    def classic_result(self, model: Model, prediction: Values) -> MethodResult:
        """Return what a classical method predicted, with what it has tuned."""
        title = method_title(model.recipe.method)
        return MethodResult(title, model.card.tuned, np.asarray(prediction))

    def model_result(
        self,
        prediction: Values,
        probabilities: NDArray[np.floating] | None = None,
    ) -> MethodResult:
        """Return what the model predicted, under the name of its network."""
        title = method_title(self.model.recipe.method)
        return MethodResult(title, self.model.card.tuned, np.asarray(prediction), probabilities)

    def row(self, result: MethodResult, guarded: GuardedTest) -> Row:
        """Return a row of a table: what there was to measure, the method, and its figures."""
        test = guarded.test
        return {
            "guard": guarded.guard,
            **self.counts(test),
            **result.columns,
            **self.figures(result.image, test),
        }


ALL_EVALUATED: Final = (
    "All measured pixels of these images are evaluated; raw data are as measured."
)
"""Note of a test without training pixels."""


def split_notes(model: Model, counts: PixelCounts) -> list[str]:
    """Return sentences about training and evaluated pixels, and how near they are."""
    if not counts.train:
        return [ALL_EVALUATED]
    split = (
        f"{counts.train} training pixels, {counts.test} evaluated pixels (fewer with a guard); "
        "baselines were fitted and tuned on the same training pixels."
    )
    radius = receptive_radius_of(model.recipe)
    if not radius:
        alone = (
            "The network sees one spectrum at a time: no evaluated pixel has training pixels in its "
            "receptive field."
        )
        return [split, alone]
    unit = "pixel" if radius == 1 else "pixels"
    share = counts.near / counts.test
    near = (
        f"The network sees {radius} {unit} around each pixel: {share:.0%} of "
        "the evaluated pixels (guard 0) have training pixels in its receptive field."
    )
    return [split, near]
