"""What every classical method offers, and the data that it is fitted to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..networks.base import FittedModule, Method, Ports, SpectrumMethod
from ..spectra.arrays import Float32, GoodBands, Mask
from .tuning import BlockNumbers, blocks_of

Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]
"""What a fit returns: the numbers of the module, by the names of its buffers."""
Rows: TypeAlias = NDArray[np.floating]
"""Pixels as rows: shape (pixel, band), or (pixel, out)."""
ErrorOf: TypeAlias = Callable[[Rows, NDArray[np.intp]], float]
"""Error of a prediction, (pixel, out), normalised as the targets are, of the training pixels of these
numbers; less is better."""


class TrainingImage(NamedTuple):
    """An image to fit to."""

    input: Float32
    """Shape (band, y, x), normalised; 0, the mean of the training data, where nothing is known."""
    train: Mask
    """Training pixels, shape (y, x)."""


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The training pixels of all images, in normalised units, with their targets.

    Rows are in the order of the images, and row by row of each.
    """

    images: Sequence[TrainingImage]
    """Images with a training pixel; methods that need no neighbours take `spectra`."""
    targets: Rows
    """Shape (pixel, out): normalised intensities, NaN where unknown; of classes (pixel, 1), from 1."""
    error: ErrorOf
    """What settings are tuned by."""
    ports: Ports
    """Number of bands, or classes, of input and output."""
    good: GoodBands
    """Which bands of the input are good, (band,); bad ones are 0 in all images."""
    seed: int = 0
    """Of random choices: equal seeds give equal fits."""

    @property
    def spectra(self) -> Rows:
        """Spectra of the training pixels, (pixel, band), normalised."""
        return self.rows(image.input for image in self.images)

    @property
    def classes(self) -> NDArray[np.int64]:
        """Class of each training pixel, (pixel,), counted from 0."""
        return self.targets[:, 0].astype(np.int64) - 1

    @property
    def blocks(self) -> BlockNumbers:
        """Block of the image that each pixel lies in, (pixel,): folds never divide a block."""
        return self.blocks_for(0)

    def blocks_for(self, receptive_radius: int) -> BlockNumbers:
        """Return blocks as wide as the surroundings that a method sees, (pixel,).

        Else most validation pixels would be in sight of training pixels. Where images are
        classified, each is a block.
        """
        numbers = []
        first = 0
        for image in self.images:
            blocks = blocks_of(image.train, receptive_radius)
            if self.ports.image_level:
                blocks = np.zeros_like(blocks)
            blocks = blocks + first
            first = int(blocks.max()) + 1
            numbers.append(blocks)
        return np.concatenate(numbers)

    def rows(self, maps: Iterator[NDArray[np.floating]]) -> Rows:
        """Return the training pixels of a map of each image, (feature, y, x), as rows.

        Shape (pixel, feature).
        """
        rows = []
        for features, image in zip(maps, self.images, strict=True):
            by_pixel = np.moveaxis(features, 0, -1)  # (y, x, feature)
            rows.append(by_pixel[image.train])
        return np.concatenate(rows)


class Classic(Method):
    """The settings of a classical method, which is fitted in one go."""

    predicts: ClassVar[Literal["intensities", "classes"]]
    """What it predicts."""
    denoises: ClassVar[bool] = False
    """Whether its output is its input less noise, so that both must have the same bands."""
    uses_targets: ClassVar[bool] = True
    """Whether it learns from targets; otherwise from the inputs alone."""
    fits_long: ClassVar[bool] = False
    """Whether a fit may take so long that it runs in a process of its own, which can be stopped."""

    @abstractmethod
    def build(self, ports: Ports) -> FittedModule:
        """Return its module for these ports, which is empty before a fit."""

    @abstractmethod
    def fit(self, data: TrainingData) -> Arrays:
        """Fit it to training data, and return the numbers of its module.

        What the settings leave open is tuned on blocks of the training pixels.

        Raises
        ------
        ValueError
            If it cannot learn from these data; the message says why.
        """

    def describe(self, arrays: Arrays) -> str:
        """Return in a few words what was tuned, such as "6 components"; empty where nothing was."""
        return ""


class SpectrumClassic(SpectrumMethod, Classic):
    """A classical method that sees one spectrum at a time."""


class ImageClassic(Classic):
    """A classical method that sees the surroundings of each pixel."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "image"

    @property
    def stride(self) -> int:
        return 1
