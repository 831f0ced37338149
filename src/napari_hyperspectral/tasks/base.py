"""What every task decides; everything else is shared."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, get_type_hints

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..axis import Axis
from ..cube import Cube, Image, Labels
from ..networks import ImageScale, Normalised, Ports, Scale
from ..settings import Settings
from ..spectra.preprocessing import NOTHING, Preprocessing


@dataclass(frozen=True, eq=False)
class Example:
    """What goes into a network and what should come out.

    z-stacks and time series are a list of planes; what has none has one plane.
    """

    input: NDArray[np.float32]
    """Shape (plane, band, y, x); NaN where nothing was measured."""
    target: NDArray[np.float32]
    """Shape (plane, out, y · scale, x · scale); (plane, out, 1, 1) of tasks about whole images."""
    sampling_classes: NDArray[np.int64]
    """Shape (plane, y, x): 0 where there is nothing to learn; else pixels of equal number are
    drawn together when blocks are held out, so that each kind is on both sides."""
    input_axis: Axis
    """Bands of `input`."""
    output_axis: Axis
    """Bands, or classes, of `target`."""
    source: str
    """For the record: where it comes from."""
    pixel_size: tuple[float, float] = (1.0, 1.0)
    pixel_unit: str | None = None
    colours: tuple[str, ...] = ()
    """Of the classes, where somebody chose any."""
    prepared: Preprocessing = NOTHING
    """What was done to the images before; `Recipe.example` does it."""
    group: str = ""
    """Examples of one group (a sample, a patient) are held out together."""
    for_validation: bool = False
    """Whether it is there to validate, and not to learn from: then nothing else is held out."""


class Task(Settings):
    """Something to learn from images."""

    source: ClassVar[str]
    """Where the task comes from."""
    intensities: ClassVar[bool]
    """Whether it predicts intensities (else: scores of classes)."""
    preserves_bands: ClassVar[bool] = False
    """Whether it gives the bands it takes: then they may be resampled to a model's, and back."""
    maps_spectra: ClassVar[bool] = False
    """Whether it gives spectra of the same light, on bands of their own."""
    unlabelled: ClassVar[float]
    """Value of `Example.target` that teaches nothing."""
    image_level: ClassVar[bool] = False
    """Whether it wants one answer for an image, not one for each pixel."""
    same_scale: ClassVar[bool] = False
    """Whether targets are normalised by the numbers of the input, being the same quantity."""
    spectra: ClassVar[tuple[str, ...]]
    """The images, by their names in `example`, that preprocessing is meant for: the input first;
    what else there is of the same light is normalised by the numbers of the input."""
    example: ClassVar[Callable[..., Example]]
    """Turn the images a person picked into one training example; its arguments name them."""
    normalise: Scale | ImageScale

    @property
    def upscaling(self) -> int:
        """Rows, and columns, of the result for each of the input."""
        return 1

    @property
    def offset(self) -> tuple[float, float]:
        """Fine rows and columns by which the input was sampled beside the middle of its pixels."""
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
            other=not input_axis.same_bands(output_axis),
        )

    @abstractmethod
    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        """Run `network` on a batch and return what training makes small.

        Parameters
        ----------
        network : Normalised
            Gives access to normalisation and body.
        input : Tensor, shape (batch, band, y, x)
            Intensities as in `Example.input`.
        target : Tensor, shape (batch, out, y, x)
            As in `Example.target`; `unlabelled` where a pixel is not to teach.

        Returns
        -------
        Tensor, shape ()
            Mean over all that teaches; 0 (with a gradient) where nothing does.
        """

    def check_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Refuse what cannot be done to the examples as it is done to what is predicted from.

        Raises
        ------
        ValueError
            If so; the message says what to do instead.
        """

    def discriminator(self, ports: Ports) -> nn.Module | None:
        """Return a fresh critic that learns beside the network, against it; None needs none."""
        return None

    def adversarial_losses(
        self, network: Normalised, discriminator: nn.Module, input: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run network and critic on a batch; return what each of them is to make small.

        Only of tasks with a critic; arguments and losses as those of `loss`, by which the held-out
        pixels are judged.
        """
        raise NotImplementedError(f"{type(self).__name__} has no critic")

    def unify_classes(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples with one numbering of classes, where each came with its own."""
        return list(examples)

    def bind_classes(self, output_axis: Axis) -> Self:
        """Return the task with what only examples tell: the bands, or classes, of what is wanted.

        Raises
        ------
        ValueError
            If its settings name others.
        """
        return self

    def remeasure(self, input: Tensor, target: Tensor, *, warped: bool) -> tuple[Tensor, Tensor]:
        """Return a batch that was turned, and perhaps warped, as it would have been measured so."""
        return input, target

    def postprocess(self, prediction: Tensor, input: Tensor) -> Tensor:
        """Return a prediction, (batch, out, y, x), as what was measured allows it to be."""
        return prediction

    @abstractmethod
    def has_target(self, target: Tensor) -> Tensor:
        """Return which pixels of a batch teach something, shape (batch, y, x)."""

    @abstractmethod
    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Image:
        """Turn a prediction, (…, out, y, x), for `cube` into what a person looks at."""

    @classmethod
    def asks_for(cls) -> dict[str, type[Cube] | type[Labels] | type[str]]:
        """Return what this task learns from: argument name to kind; str is a name to be given."""
        hints: dict[str, Any] = get_type_hints(cls.example)
        return {name: kind for name, kind in hints.items() if name != "return"}


def source_of(*names: str) -> str:
    """Return the names of the images of an example; they may have none, as arrays do."""
    return " → ".join(name or "unnamed" for name in names) if any(names) else "an example"


def measured_planes(cube: Cube) -> NDArray[np.float32]:
    """Load a cube as float32, shape (plane, band, y, x); NaN in bad bands, and for infinity.

    Raises
    ------
    ValueError
        If nothing in it was measured: all values are NaN.
    """
    loaded = planes(cube.numpy(), 3)
    measured = np.isfinite(loaded)
    if not measured.any():
        raise ValueError(
            f"cube {cube.name!r} holds no measured value: all are NaN; choose another file or layer"
        )
    measured &= cube.axis.good[:, None, None]
    return loaded if measured.all() else np.where(measured, loaded, np.float32(np.nan))


def planes(image: NDArray[Any], trailing: int) -> NDArray[Any]:
    """Return an array with all but the last `trailing` axes made one."""
    flat: NDArray[Any] = image.reshape(-1, *image.shape[image.ndim - trailing :])
    return flat
