"""What super-resolution and restoration share: finer images, learned from degraded ones."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Tensor

from ..cube import Cube
from ..settings import RecipeLike, Settings
from ..spectra.preprocessing import Preprocessing
from .base import Example, measured_planes
from .degradation import Degradation, Sampling
from .intensities import IntensityTask


class DegradationSettings(Settings):
    """How the coarse image that a task learns from comes from the fine one."""

    scale: int
    """Fine rows, and columns, for each coarse one."""
    degradation: Sampling = "area"
    """How the coarse image comes from the fine one. area: the mean of each block, as on a camera or
    by binning; decimate: one pixel of each block, as in a point scan of larger steps; bicubic: a
    cubic mean around each block, as most published figures."""
    psf: Annotated[float, Ge(0)] = 0.0
    """Standard deviation, in fine pixels, of the Gaussian blur of the instrument, before the
    sampling; 0 is none."""
    project: bool = False
    """Change each result as little as needed to agree with its input: degraded, it is the input
    again, noise and all. Then each band keeps its flux: exactly with area, nearly with bicubic or a
    psf; not with decimate, which measures nothing between its points."""
    row: Annotated[int, Ge(-1)] = -1
    """Row of each block that decimation takes, counted from 0; -1 is the middle."""
    column: Annotated[int, Ge(-1)] = -1
    """Column of each block that decimation takes, counted from 0; -1 is the middle."""


class SuperResolutionTask(
    IntensityTask, DegradationSettings
):  # forms ask in the order of the bases, last one first
    """A task that learns finer images from their own degraded selves, and never degrades again."""

    preserves_bands: ClassVar[bool] = True
    normalised_as_input: ClassVar[bool] = True
    input_name: ClassVar[str] = "fine"
    target_name: ClassVar[str | None] = None
    normalise: Literal["band", "cube", "image"] = "band"
    """How intensities are brought to one scale before the network and back after it, exactly: by
    mean and spread of the training set, of each band or of all bands together; image: by the
    maximum of the image itself, as DeepeR does; in training, of the window that is shown."""

    @model_validator(mode="after")
    def _phase_is_in_the_block(self) -> Self:
        assert self.degradation_model.scale == self.scale
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
        """How the coarse image comes from the fine one."""
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
        middle = (self.scale - 1) / 2
        return (row - middle, column - middle)

    @property
    def margin(self) -> int:
        return self.degradation_model.margin if self.project else 0

    def check_preprocessing(self, preprocessing: Preprocessing) -> None:
        # training degrades what was prepared, a prediction prepares what was measured coarse: one
        # and the same only where means stay means, or each coarse spectrum is one of the fine
        if preprocessing.averages or (self.degradation == "decimate" and not self.psf):
            return
        wrong, remedy = f"background {preprocessing.background}", "subtract it from the results"
        if preprocessing.normalise != "none":
            wrong = f"normalise {preprocessing.normalise}"
            remedy = "leave that to the task (its own setting: normalise band, cube or image)"
        raise ValueError(
            f"preprocessing by {wrong} would make other spectra of coarse pixels than of the fine "
            f"ones in them ({self.degradation}{', psf' if self.psf else ''}): {remedy}"
        )

    def example(self, *, fine: Cube) -> Example:
        """Make a coarse image of a fine one: a pair to learn from.

        Rows and columns at the end that fill no block are left out.

        Raises
        ------
        ValueError
            If the image is smaller than one coarse pixel, or nothing in it was measured.
        """
        target = _whole_blocks(measured_planes(fine), self.scale)
        if not target.size:
            raise ValueError(
                f"fine {fine.name!r} has {fine.shape[-2]} × {fine.shape[-1]} pixels, fewer than a "
                f"coarse pixel at ×{self.scale}; choose a larger image or a smaller scale"
            )
        input = self.degradation_model.measured(torch.from_numpy(target)).numpy()
        known = np.isfinite(input).any(axis=1)
        how = f"{fine.name} degraded ×{self.scale} ({self.degradation})"
        if target.shape[-2:] != fine.shape[-2:]:
            how += f", cropped to {target.shape[-2]} × {target.shape[-1]}"
        height, width = fine.pixel_size
        return Example(
            input,
            target,
            known.astype(np.int64),
            fine.axis,
            fine.axis,
            how.strip(),
            (height * self.scale, width * self.scale),
            fine.pixel_unit,
        )

    def after_augmentation(
        self, input: Tensor, target: Tensor, *, warped: bool
    ) -> tuple[Tensor, Tensor]:
        if self.degradation_model.symmetric and not warped:
            return input, target
        # turned, a pixel beside the middle lies on its other side; warped, coarse pixels would be
        # interpolated, and that undone is not what is to be learned; what is held out stays
        again = self.degradation_model.degrade(target)
        return torch.where(again.isfinite(), again, input), target

    def postprocess(self, prediction: Tensor, input: Tensor) -> Tensor:
        return self.degradation_model.project(prediction, input) if self.project else prediction

    def finer(self, predicted: NDArray[np.float32], cube: Cube, done: str) -> Cube:
        """Return a prediction as a cube of finer pixels in the place of `cube`.

        Parameters
        ----------
        predicted : ndarray, shape (…, band, y · scale, x · scale)
        cube : Cube
            What it was made from.
        done : str
            What was done, for history and name.
        """
        past = f"{done} ×{self.scale}" if self.scale > 1 else done
        if self.project:
            past += f", agreeing with what was measured ({self.degradation})"
        return cube.after(
            past,
            data=predicted,
            name=f"{cube.name} {done}".strip(),
            **_finer_place(cube, self.degradation_model),
        )


def _whole_blocks(planes: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    height, width = (side // scale * scale for side in planes.shape[-2:])
    return np.ascontiguousarray(planes[..., :height, :width])


def _finer_place(cube: Cube, degradation: Degradation) -> dict[str, Any]:
    """Return where the fine pixels of a coarse cube lie."""
    size = tuple(side / degradation.scale for side in cube.pixel_size)
    origin = tuple(
        start - offset * side
        for start, offset, side in zip(cube.origin, degradation.first_centre, size)
    )
    # a projection is stated with a pixel size of its own, which would no longer hold
    stated = cube.georeference if degradation.scale == 1 else None
    return {"pixel_size": size, "origin": origin, "georeference": stated}
