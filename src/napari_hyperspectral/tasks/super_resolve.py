"""Super-resolution: smaller pixels than were measured.

Sources: Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178; the bicubic degradation,
Keys 1981, https://doi.org/10.1109/TASSP.1981.1163711. Ours: the degradation is stated, applied to
fine images in training and never in a prediction, results lie where their input lies, and may be
made consistent with it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import torch
from annotated_types import Ge, Le
from numpy.typing import NDArray
from torch import Tensor

from ..axis import Axis
from ..cube import Cube
from ..networks import Normalised, enlarged
from .degradation import DegradationKind
from .intensities import intensity_loss, normalised_loss
from .super_resolution import SuperResolutionTask

_SMALLEST_ERROR: Final = 0.01
"""Of interpolations, in standard deviations of the data: smoother images count no more."""


class SuperResolve(SuperResolutionTask):
    """Learn from fine images, and coarse ones made of them, to give others smaller pixels."""

    source: ClassVar[str] = "Horgan et al. 2021, https://doi.org/10.1021/acs.analchem.1c02178"
    kind: Literal["super_resolve"] = "super_resolve"
    scale: Literal[2, 3, 4, 8] = 4
    """Scale: how many times smaller pixels get, in rows and in columns."""
    degradation: DegradationKind = "bicubic"
    """How coarse images are made of fine ones. area: the mean of each block, as a camera or binning
    does; decimate: one pixel of each block, as a point scan of larger steps does; bicubic: a cubic
    mean around each block, as in most publications."""
    project: bool = True
    """Change each result as little as needed to be consistent with its input: degraded, it equals the
    input, but for its noise, where the network was trained with some. Then each band keeps its flux:
    exactly with area, nearly with bicubic or a psf; not with decimate, which measures nothing between
    its points."""

    balance: Annotated[float, Ge(0), Le(1)] = 0.5
    """How far bands and images of much fine detail are kept from outweighing smooth ones: each counts
    by the error of its interpolation, to the power of minus this. 0: not at all; 1: all alike."""

    def loss(self, network: Normalised, input: Tensor, target: Tensor) -> Tensor:
        if not self.balance:
            return intensity_loss(network, input, target, self)
        normalised_input = network.normalise(input)
        normalised_target = network.normalise.target(target, input)
        prediction = network.module(normalised_input)
        interpolated = enlarged(normalised_input, self.scale, self.offset)
        weight = _rms(interpolated - normalised_target).clamp_min(_SMALLEST_ERROR) ** -self.balance
        return normalised_loss(
            prediction, normalised_target, self, network.normalise, weight / weight.mean()
        )

    def result(self, predicted: NDArray[np.float32], output_axis: Axis, cube: Cube) -> Cube:
        return self.upscaled_cube(predicted, cube, "super-resolved")


def _rms(error: Tensor) -> Tensor:
    """Return the root mean square of what is known of errors, (batch, band, 1, 1)."""
    known = error.isfinite()
    squares = torch.where(known, error, 0.0).square().sum(dim=(-2, -1), keepdim=True)
    count = known.sum(dim=(-2, -1), keepdim=True)
    return (squares / count.clamp_min(1)).sqrt()
