"""What every task decides: its input, its target, its loss, and what a prediction becomes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_type_hints

import numpy as np
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from ..axis import Axis
from ..cube import Cube, Image, Labels
from ..devices import tensor_of
from ..networks import ImageNormalisation, Normalisation, Normalised, Ports
from ..settings import Settings
from ..spectra.steps.chain import NOTHING, Chain
from .degradation import NoiseNumbers


@dataclass(frozen=True, eq=False)
class Example:
    """One training example: the input of a network and its target.

    z-stacks and time series are a list of flat_planes; a single image is one plane.
    """

    input: NDArray[np.float32]
    """Shape (plane, band, y, x); NaN where nothing was measured."""
    target: NDArray[np.float32]
    """Shape (plane, out, y · scale, x · scale); (plane, out, 1, 1) of image-level tasks."""
    sampling_classes: NDArray[np.int64]
    """Shape (plane, y, x): 0 where a pixel has no target; the validation split draws its blocks so
    that each other number is on both sides."""
    input_axis: Axis
    """Bands of `input`."""
    output_axis: Axis
    """Bands, or classes, of `target`."""
    source: str
    """Names of its images, for messages and the model's card."""
    pixel_size: tuple[float, float] = (1.0, 1.0)
    """Height and width of a pixel of the input, in `pixel_unit`."""
    pixel_unit: str | None = None
    colours: tuple[str, ...] = ()
    """Colours of the classes, where the labels have some."""
    preprocessing: Chain = NOTHING
    """What was done to the images; set by `Recipe.example`."""
    group: str = ""
    """Examples of one group (a sample, a patient) stay on one side of a split by groups."""
    noise: NoiseNumbers = (0.0, 0.0)
    """Noise of the image that the input was made of, where the input is to have as much."""
    for_validation: bool = False
    """Whether it is for validation only; then nothing of the other examples is held out."""


class Task(Settings):
    """Something to learn from images."""

    source: ClassVar[str]
    """The publication that the task follows."""
    input_name: ClassVar[str]
    """Which argument of `example` is the input: what a model later predicts from."""
    target_name: ClassVar[str | None]
    """Which argument of `example` is the target; None where targets are made from the input."""
    has_truth: ClassVar[bool] = True
    """Whether the images of an example say what a prediction should be, so that it can be evaluated."""
    predicts_intensities: ClassVar[bool]
    """Whether it predicts intensities; otherwise scores of classes."""
    preserves_bands: ClassVar[bool] = False
    """Whether predictions have the bands of the input: these may then be resampled to the bands of
    the model, and back."""
    maps_spectra: ClassVar[bool] = False
    """Whether predictions are spectra of the same sample on bands of their own."""
    has_linear_solution: ClassVar[bool] = False
    """Whether a linear regression solves it, too: targets are intensities of the same pixels."""
    ignore_value: ClassVar[float]
    """Value of `Example.target` that the loss ignores."""
    image_level: ClassVar[bool] = False
    """Whether there is one target for an image, not one for each pixel."""
    normalised_as_input: ClassVar[bool] = False
    """Whether targets are normalised by the statistics of the input, being the same quantity."""
    selection_name: ClassVar[str] = ""
    """The figure by which epochs and methods are chosen, in plain words; empty: epochs of networks
    are chosen by the validation loss."""
    example: ClassVar[Callable[..., Example]]
    """Turn images into one training example; takes them by name, in any order."""
    normalise: Normalisation | ImageNormalisation

    @property
    def predicts_spectra(self) -> bool:
        """Whether predictions are spectra: not classes, nor channels such as stains."""
        return self.preserves_bands or self.maps_spectra

    @property
    def trusts_pixels(self) -> bool:
        """Whether images are paired by rows and columns, whatever places they state."""
        return False

    @property
    def upscaling(self) -> int:
        """Rows, and columns, of a prediction for each of the input."""
        return 1

    @property
    def offset(self) -> tuple[float, float]:
        """Fine rows and columns from the middle of a coarse pixel to where it was sampled."""
        return (0.0, 0.0)

    @property
    def margin(self) -> int:
        """How far, in pixels of the input, `postprocess` looks beyond what the network sees."""
        return 0

    def ports(self, input_axis: Axis, output_axis: Axis) -> Ports:
        """Return what goes into a network for this task and what comes out."""
        return Ports(
            bands_in=len(input_axis),
            bands_out=len(output_axis),
            scale=self.upscaling,
            image_level=self.image_level,
            offset=self.offset,
            changes_bands=not input_axis.same_bands(output_axis),
        )

    @abstractmethod
    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        """Run `network` on a batch and return the loss.

        Parameters
        ----------
        network : Normalised
            The network with its normalisation.
        input : Tensor, shape (batch, band, y, x)
            Intensities as in `Example.input`.
        target : Tensor, shape (batch, out, y · scale, x · scale)
            As in `Example.target`; `ignore_value` where a pixel has no target.

        Returns
        -------
        Tensor, shape ()
            Mean over all targets; 0 (with a gradient) where there are none.
        """

    def check_preprocessing(self, preprocessing: Chain) -> None:
        """Refuse preprocessing that would differ between training and prediction.

        Raises
        ------
        ValueError
            If so; the message says what to do instead.
        """

    def discriminator(self, ports: Ports) -> nn.Module | None:
        """Return a fresh discriminator to train against the network; None where there is none."""
        return None

    def adversarial_losses(
        self, network: Normalised, discriminator: nn.Module, input: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run network and discriminator on a batch; return the loss of each.

        Only of tasks with a discriminator; input and target as in `loss`, which remains the
        validation loss.
        """
        raise NotImplementedError(f"{type(self).__name__} has no discriminator")

    def unify_classes(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples with one numbering of classes, where each came with its own."""
        return list(examples)

    def with_classes(self, output_axis: Axis) -> Self:
        """Return the task with the names of the classes, where its settings refer to them.

        Raises
        ------
        ValueError
            If its settings name other classes than there are.
        """
        return self

    def after_augmentation(
        self, input: Tensor, target: Tensor, *, warped: bool
    ) -> tuple[Tensor, Tensor]:
        """Return a batch that was turned, and perhaps warped, with the input that goes with it.

        Parameters
        ----------
        input : Tensor, shape (batch, band, y, x)
        target : Tensor, shape (batch, out, y · scale, x · scale)
        warped : bool
            Whether images were moved by parts of a pixel.
        """
        return input, target

    def measured_input(self, example: Example) -> NDArray[np.float32]:
        """Return the input of an example, (plane, band, y, x), with the noise it would have had.

        Always the same: for validation and evaluation.
        """
        if not any(example.noise):
            return example.input
        input = tensor_of(example.input)
        generator = Generator().manual_seed(0)
        noisy: NDArray[np.float32] = self.with_noise(input, example.noise, generator).numpy()
        return noisy

    def with_noise(self, input: Tensor, noise: NoiseNumbers, generator: Generator) -> Tensor:
        """Return inputs that were made of targets with the noise that a measurement would have.

        Parameters
        ----------
        input : Tensor, shape (batch, band, y, x)
        noise : (float, float)
            `Example.noise`.
        generator : Generator
            On the CPU.
        """
        return input

    def postprocess(
        self, prediction: Tensor, input: Tensor, noise: NoiseNumbers = (0.0, 0.0)
    ) -> Tensor:
        """Return a prediction, (batch, out, y · scale, x · scale), made consistent with its input.

        As far as noise of the input allows: see `Example.noise`.
        """
        return prediction

    @abstractmethod
    def has_target(self, target: Tensor) -> Tensor:
        """Return which pixels of a batch of targets have one, bool, shape (batch, y, x)."""

    @abstractmethod
    def selection_error(
        self, prediction: NDArray[np.floating], target: NDArray[np.floating]
    ) -> float:
        """Return the error by which methods, settings and epochs are chosen; less is better.

        Parameters
        ----------
        prediction : ndarray, shape (pixel, out)
            Intensities in the unit of the target, or scores of classes.
        target : ndarray, shape (pixel, out), or (pixel, 1) of classes, from 1
            Unknown values, NaN or class 0, are ignored.

        Returns
        -------
        float
            The figure called `selection_name`; NaN where no pixel has a target.
        """

    @abstractmethod
    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Image:
        """Return the image that a person looks at.

        Parameters
        ----------
        predicted : ndarray, shape (…, out, y · scale, x · scale)
            Prediction for `cube`: intensities in the unit of the target, or scores of classes.
        output_axis : SpectralAxis or ChannelAxis
            Bands, or classes, of the prediction.
        cube : Cube
            What was predicted from.
        """

    @classmethod
    def asks_for(cls) -> dict[str, type[Cube] | type[Labels] | type[str]]:
        """Return the images of an example: name to kind; of a text, such as a class, it is str."""
        hints: dict[str, Any] = get_type_hints(cls.example)
        return {name: kind for name, kind in hints.items() if name != "return"}


# mixed into the tasks that pair two images
class PairSettings(Settings):
    """Settings of tasks whose input and target are two images."""

    same_pixels: bool = False
    """Same pixels: pair input and target by rows and columns, even if they state other places. Left
    off, images that lie more than half a pixel from each other are refused."""

    @property
    def trusts_pixels(self) -> bool:
        return self.same_pixels


def source_of(*names: str) -> str:
    """Return the names of the images of an example; images made of arrays may have none."""
    return " → ".join(name or "unnamed" for name in names) if any(names) else "an example"


def measured_planes(cube: Cube) -> NDArray[np.float32]:
    """Load a cube as float32, shape (plane, band, y, x); NaN in bad bands, and for infinity.

    Raises
    ------
    ValueError
        If nothing in it was measured: all values are NaN.
    """
    loaded = flat_planes(cube.numpy(), 3)  # (plane, band, y, x)
    measured = np.isfinite(loaded)
    if not measured.any():
        raise ValueError(
            f"cube {cube.name!r} holds no measured value: all are NaN; choose another file or layer"
        )
    measured &= cube.axis.good[:, None, None]
    if measured.all():
        return loaded
    return np.where(measured, loaded, np.float32(np.nan))


def flat_planes(image: NDArray[Any], trailing: int) -> NDArray[Any]:
    """Return an array, (plane, …), with all but its last `trailing` axes flattened into one."""
    flat: NDArray[Any] = image.reshape(-1, *image.shape[image.ndim - trailing :])
    return flat
