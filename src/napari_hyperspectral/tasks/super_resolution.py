"""What super-resolution and restoration share: pairs of images and their degraded versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Generator, Tensor

from ..cube import Cube
from ..devices import tensor_of
from ..settings import RecipeLike, Settings
from ..spectra.noise import noise_law
from ..spectra.steps.chain import Chain
from . import selection
from .base import Example, measured_planes
from .degradation import Degradation, DegradationKind, NoiseNumbers, noise_unit
from .intensities import IntensityTask


class DegradationSettings(Settings):
    """How coarse images are made of fine ones for training."""

    scale: int
    """Scale: fine rows, and columns, for each coarse one."""
    degradation: DegradationKind = "area"
    """How coarse images are made of fine ones. area: the mean of each block, as a camera or binning
    does; decimate: one pixel of each block, as a point scan of larger steps does; bicubic: a cubic
    mean around each block, as in most publications."""
    psf: Annotated[float, Ge(0)] = 0.0
    """Point spread function: standard deviation, in fine pixels, of a Gaussian blur before the
    sampling; 0 is none."""
    project: bool = False
    """Change each result as little as needed to be consistent with its input: degraded, it equals the
    input, with its noise. Then each band keeps its flux: exactly with area, nearly with bicubic or a
    psf; not with decimate, which measures nothing between its points."""
    row: Annotated[int, Ge(-1)] = -1
    """Row of each block that decimate takes, counted from 0; -1 is the middle."""
    column: Annotated[int, Ge(-1)] = -1
    """Column of each block that decimate takes, counted from 0; -1 is the middle."""


# forms show settings in the order of the bases, last one first
class SuperResolutionTask(IntensityTask, DegradationSettings):
    """A task that learns from fine images and coarse ones made of them, and predicts fine images."""

    preserves_bands: ClassVar[bool] = True
    normalised_as_input: ClassVar[bool] = True
    selection_name: ClassVar[str] = "mean squared error"
    input_name: ClassVar[str] = "fine"
    target_name: ClassVar[str | None] = None
    normalise: Literal["band", "cube", "image"] = "band"
    """How intensities are normalised, and results scaled back. band, cube: by mean and standard
    deviation of the training data, of each band or of all bands together; image: by the maximum of
    each image, as in DeepeR, and in training of each patch."""

    input_noise: Literal["as measured", "none"] = "as measured"
    """Noise of coarse images in training. as measured: as much as the fine images have (read noise and
    photons, estimated from each), since a measurement of larger pixels has it, too, while averages over
    fine pixels lost it; the network then takes noise away instead of sharpening it. none: no more than
    the averages have."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        assert self.degradation_model.scale == self.scale  # making it checks row and column
        return self

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        if self.scale == 1:
            why = "At ×1 a coarse pixel is one fine pixel: there is only one way to sample it."
            return dict.fromkeys(("degradation", "row", "column"), why)
        if self.degradation != "decimate":
            why = "Only where the degradation is decimate."
            return dict.fromkeys(("row", "column"), why)
        return {}

    @property
    def degradation_model(self) -> Degradation:
        """The degradation of fine images that these settings describe."""
        return Degradation(
            kind=self.degradation,
            scale=self.scale,
            psf=self.psf,
            row=self.row,
            column=self.column,
        )

    @property
    def upscaling(self) -> int:
        return self.scale

    @property
    def offset(self) -> tuple[float, float]:
        row, column = self.degradation_model.first_centre
        middle = (self.scale - 1) / 2  # of a block of fine pixels
        return (row - middle, column - middle)

    @property
    def margin(self) -> int:
        return self.degradation_model.margin if self.project else 0

    def check_preprocessing(self, preprocessing: Chain) -> None:
        # training degrades preprocessed images, prediction preprocesses coarse ones: that is the
        # same only where means stay means, or each coarse spectrum is one of the fine spectra
        if preprocessing.commutes_with_means or (
            preprocessing.per_spectrum and self.degradation == "decimate" and not self.psf
        ):
            return
        step = next(step for step in preprocessing.taken if not step.commutes_with_means)
        remedy = "take that step on the results"
        if any(step.normalises for step in preprocessing.taken):
            remedy = "leave that to the task (its own setting: normalise band, cube or image)"
        sampling = f"{self.degradation}, psf" if self.psf else self.degradation
        raise ValueError(
            f"the step {step.title.lower()!r} would make other spectra of coarse pixels than of the fine "
            f"ones in them ({sampling}): {remedy}"
        )

    def example(self, *, fine: Cube) -> Example:
        """Pair a coarse image, made by degrading a fine one, with that fine image.

        Rows and columns at the end that fill no block are cropped.

        Raises
        ------
        ValueError
            If the image is smaller than one coarse pixel, or nothing in it was measured.
        """
        target = _cropped_to_blocks(measured_planes(fine), self.scale)  # (plane, band, y, x)
        if not target.size:
            raise ValueError(
                f"fine {fine.name!r} has {fine.shape[-2]} × {fine.shape[-1]} pixels, fewer than a "
                f"coarse pixel at ×{self.scale}; choose a larger image or a smaller scale"
            )
        input = self.degradation_model.measured(tensor_of(target)).numpy()
        known = np.isfinite(input).any(axis=1)
        source = f"{fine.name} degraded ×{self.scale} ({self.degradation})"
        if target.shape[-2:] != fine.shape[-2:]:
            source += f", cropped to {target.shape[-2]} × {target.shape[-1]}"
        noise = self._noise_of(fine)
        if any(noise):
            read_noise = noise[0] ** 0.5
            source += f", with its noise: √({read_noise:.3g}² + {noise[1]:.3g} · mean)"
        height, width = fine.pixel_sides
        return Example(
            input=input,
            target=target,
            sampling_classes=known.astype(np.int64),
            input_axis=fine.axis,
            output_axis=fine.axis,
            source=source.strip(),
            pixel_size=(height * self.scale, width * self.scale),
            pixel_unit=fine.pixel_unit,
            noise=noise,
        )

    def _noise_of(self, fine: Cube) -> NoiseNumbers:
        """Return the noise of a fine image, as `input_noise` says."""
        if self.input_noise == "none":
            return (0.0, 0.0)
        try:
            law = noise_law(fine.numpy(), good=fine.axis.good)
        except ValueError:  # no pixel has a measured neighbour
            return (0.0, 0.0)
        return (law.read**2, law.gain)

    def after_augmentation(
        self, input: Tensor, target: Tensor, *, warped: bool
    ) -> tuple[Tensor, Tensor]:
        if self.degradation_model.symmetric and not warped:
            return input, target
        # turned, a pixel off the middle of its block is on the other side; warped, coarse pixels are
        # interpolated: both are no coarse image of this target, so that it is degraded anew. Where
        # it has validation pixels, which are missing, the input stays
        degraded = self.degradation_model.degrade(target)
        return torch.where(degraded.isfinite(), degraded, input), target

    def with_noise(self, input: Tensor, noise: NoiseNumbers, generator: Generator) -> Tensor:
        read_variance, gain = noise
        # averaging over fine pixels left this share of their noise
        missing = 1 - self.degradation_model.noise_share
        # in units of the noise: squares of very small intensities are 0 in single precision
        unit = noise_unit(noise)
        bright = input.clamp_min(0) / unit
        variance = missing * (read_variance / unit**2 + gain / unit * bright)
        normal = torch.randn(input.shape, generator=generator)
        return input + unit * variance.sqrt() * normal.to(input)

    def postprocess(
        self, prediction: Tensor, input: Tensor, noise: NoiseNumbers = (0.0, 0.0)
    ) -> Tensor:
        if not self.project:
            return prediction
        if any(noise):
            return self.degradation_model.project_within_noise(prediction, input, noise)
        return self.degradation_model.project(prediction, input)

    def selection_error(
        self, prediction: NDArray[np.floating], target: NDArray[np.floating]
    ) -> float:
        return selection.squared_error(prediction, target)

    def upscaled_cube(self, predicted: NDArray[np.float32], cube: Cube, verb: str) -> Cube:
        """Return a prediction as a cube of smaller pixels at the position of `cube`.

        Parameters
        ----------
        predicted : ndarray, shape (…, band, y · scale, x · scale)
        cube : Cube
            What was predicted from.
        verb : str
            What was done, such as "restored", for history and name.
        """
        step = f"{verb} ×{self.scale}" if self.scale > 1 else verb
        if self.project:
            step += f", agreeing with what was measured ({self.degradation})"
        height, width = (side / self.scale for side in cube.pixel_size)
        row, column = self.degradation_model.first_centre  # of a coarse pixel, in fine pixels
        result = cube.after(
            step,
            data=predicted,
            name=f"{cube.name} {verb}".strip(),
            pixel_size=(height, width),
            # a georeference states the size of the coarse pixels, which no longer holds
            georeference=cube.georeference if self.scale == 1 else None,
        )
        return replace(result, **result.place_at(-row, -column))


def _cropped_to_blocks(planes: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Return planes, (…, y, x), without the last rows and columns that fill no block."""
    height, width = (side // scale * scale for side in planes.shape[-2:])
    return np.ascontiguousarray(planes[..., :height, :width])
