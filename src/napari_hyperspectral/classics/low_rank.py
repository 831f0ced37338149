"""Low rank, smoothed: the components of noisy spectra that are stronger than their noise.

It learns from noisy spectra alone: see `spectra.low_rank`. Its module is a linear map of each
spectrum to components, a Gaussian blur of their maps, and the way back.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Final, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor
from torch.nn import functional

from ..networks.base import FittedModule, Ports
from ..spectra import low_rank as spectra
from ..spectra.arrays import Array, Float32
from ..spectra.blur import WIDTHS, gaussian_kernel
from ..spectra.noise import NoiseLaw
from .base import Arrays, Classic, TrainingData
from .savitzky_golay import in_target_unit

_MOST_COMPONENTS: Final = 64
_KERNEL_RADIUS: Final = 4.0


class LowRank(Classic):
    """The strongest components of the spectra, their maps and spectra smoothed; needs no clean data."""

    source: ClassVar[str] = (
        "Green et al. 1988, minimum noise fraction, https://doi.org/10.1109/36.3001; smoothing as "
        "Huang, Shen & Buja 2009, https://doi.org/10.1198/jasa.2009.tm08024"
    )
    predicts: ClassVar[Literal["intensities", "classes"]] = "intensities"
    denoises: ClassVar[bool] = True
    uses_targets: ClassVar[bool] = False
    kind: Literal["low_rank"] = "low_rank"
    components: Annotated[int, Ge(0), Le(_MOST_COMPONENTS)] = 0
    """Number of components besides the mean spectrum; 0: all that are stronger than noise."""
    smooth: bool = True
    """Whether maps and spectra of the components are blurred, each as wide as cross-validation on the
    noisy data prefers."""

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "image" if self.smooth else "spectrum"

    @property
    def receptive_radius(self) -> int:
        return math.ceil(_KERNEL_RADIUS * WIDTHS[-1]) if self.smooth else 0

    @property
    def stride(self) -> int:
        return 1

    def build(self, ports: Ports) -> SmoothedComponents:
        return SmoothedComponents()

    def floats_per_pixel(self, ports: Ports) -> int:
        return 2 * ports.bands_in + 4 * _MOST_COMPONENTS

    def fit(self, data: TrainingData) -> Arrays:
        images = _in_one_array(data)  # (image, band, y, x)
        rank = self.components or None
        fitted = spectra.LowRank.fit(images, rank=rank, smooth=self.smooth, good=data.good)
        denoised = data.rows(iter(_cut_out(fitted(images), data)))
        gain, offset = in_target_unit(denoised, data.targets, data.good)
        law = fitted.law
        return {
            "mean": fitted.mean,
            "analysis": fitted.directions / fitted.scale,
            "synthesis": gain * fitted.directions * fitted.scale,
            "offset": gain * fitted.mean + offset,
            "widths": fitted.widths,
            "law": np.array(
                [law.read, law.gain, law.spectral_correlation, *law.spatial_correlation]
            ),
        }

    def describe(self, arrays: Arrays) -> str:
        read, gain, along_bands, along_y, along_x = arrays["law"].tolist()
        law = NoiseLaw(read, gain, along_bands, (along_y, along_x))
        return f"{spectra.rank_line(np.asarray(arrays['widths'], np.float64))}; of normalised spectra, {law}"

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=1)


class SmoothedComponents(FittedModule):
    """Amounts of components, blurred, and the spectra that these add up to."""

    mean: Tensor
    """Shape (band,): taken off before."""
    analysis: Tensor
    """Shape (component, band): from spectra to amounts."""
    synthesis: Tensor
    """Shape (component, band): from amounts to spectra."""
    offset: Tensor
    """Shape (band,): added afterwards."""
    widths: Tensor
    """Shape (component,): standard deviations of the blurs of the maps, in pixels."""
    law: Tensor
    """Noise law of the training data: read, gain, correlations."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("mean", "offset", "widths", "law"):
            self.register_buffer(name, torch.empty(0))
        for name in ("analysis", "synthesis"):
            self.register_buffer(name, torch.empty(0, 0))

    def forward(self, x: Tensor) -> Tensor:
        maps = torch.einsum("cb,nbyx->ncyx", self.analysis, x - self.mean[:, None, None])
        blurred = []
        for component, width in enumerate(self.widths.tolist()):
            one = maps[:, component : component + 1]  # (batch, 1, y, x)
            blurred.append(_blurred(one, width))
        smooth = torch.cat([maps[:, :0], *blurred], dim=1)
        return torch.einsum("cb,ncyx->nbyx", self.synthesis, smooth) + self.offset[:, None, None]


def _blurred(maps: Tensor, width: float) -> Tensor:
    """Return maps, (batch, 1, y, x), blurred by a Gaussian; beyond the edges there is nothing."""
    # float32, as it is saved, may be a little off the width
    kernel = torch.from_numpy(gaussian_kernel(round(width, 4))).to(maps)
    radius = len(kernel) // 2
    total = maps
    weight = torch.ones_like(maps[:1])
    for shape, padding in (((1, 1, -1, 1), (radius, 0)), ((1, 1, 1, -1), (0, radius))):
        weights = kernel.reshape(shape)
        total = functional.conv2d(total, weights, padding=padding)
        weight = functional.conv2d(weight, weights, padding=padding)
    return total / weight


def _in_one_array(data: TrainingData) -> Array:
    """Return the training pixels of all images, (image, band, y, x); NaN elsewhere."""
    height = max(image.train.shape[0] for image in data.images)
    width = max(image.train.shape[1] for image in data.images)
    bands = len(data.good)
    array = np.full((len(data.images), bands, height, width), np.nan)
    for number, image in enumerate(data.images):
        rows, columns = image.train.shape
        known = np.where(image.train, image.input, np.nan)
        array[number, :, :rows, :columns] = known
    return array


def _cut_out(array: Float32, data: TrainingData) -> list[Float32]:
    """Return an array of `_in_one_array` as images of their own sizes."""
    images = []
    for one, image in zip(array, data.images, strict=True):
        rows, columns = image.train.shape
        images.append(one[:, :rows, :columns])
    return images
