"""Super-resolution of each band by itself, by one network of one channel.

As EDSR (Lim et al. 2017, https://arxiv.org/abs/1707.02921) it has residual blocks without
normalisation, works on the coarse image, upsamples at the very end, and may predict the mean over
all rotations and reflections. Ours: it never sees a spectrum, so that it cannot memorise the
materials of a few scenes, and works for any number of bands; its output is added to the cubic
interpolation. Without biases (Mohan et al. 2020, https://arxiv.org/abs/1906.05478), and blind to the
mean of its input, it treats dim and bright images alike, as interpolation does.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional

from ..random_numbers import Randomised
from ..settings import RecipeLike
from .base import ImageNetwork, NetworkModule, Ports, enlarged
from .blocks.turns import mean_over_turns


class BandwiseEDSR(ImageNetwork):
    """Super-resolution of each band by itself (EDSR), with shared weights; learns from few scenes."""

    source: ClassVar[str] = (
        "Lim et al. 2017, Enhanced deep residual networks for single image super-resolution, "
        "https://arxiv.org/abs/1707.02921; one channel for all bands, as is ours"
    )
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    kind: Literal["bandwise_edsr"] = "bandwise_edsr"
    width: Annotated[int, Ge(1), Le(512)] = 48
    """Channels of the residual blocks. Published: 64, or 256."""
    blocks: Annotated[int, Ge(1), Le(64)] = 8
    """Residual blocks of two convolutions each. Published: 16, or 32."""
    bands_per_step: Annotated[int, Ge(1), Le(4096)] = 5
    """Bands of each image in a training step, chosen at random; the others are interpolated and add
    nothing to the gradient. Neighbouring bands are too similar to be worth the time."""
    ensemble: bool = True
    """Predict the mean over the eight rotations and reflections of an image: slightly better, eight
    times slower."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = super().inactive(recipe)
        if any(recipe.task.offset):
            why = (
                "Decimation samples pixels off the middle of their blocks: a turned image would be "
                "another scan."
            )
            return reasons | {"ensemble": why}
        return reasons

    @property
    def averages_turns(self) -> bool:
        return self.ensemble

    def build(self, ports: Ports) -> NetworkModule:
        return _BandwiseEDSR(self, ports)

    @property
    def receptive_radius(self) -> int:
        # a pixel for each 3 × 3 convolution: the first, those of the blocks, after them, the last
        return 1 + 2 * self.blocks + 1 + 1

    @property
    def stride(self) -> int:
        return 1

    def floats_per_pixel(self, ports: Ports) -> int:
        images = min(self.bands_per_step, ports.bands_in)
        bands = max(ports.bands_in, ports.bands_out)
        # the interpolation, what is added to it, in parts and joined, and one part being computed
        fine = int(ports.scale**2) * (3 * bands + images)
        return 2 * ports.bands_in + 5 * images * self.width + fine

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4, blocks=1, bands_per_step=2)


class _BandwiseEDSR(NetworkModule, Randomised):
    def __init__(self, settings: BandwiseEDSR, ports: Ports) -> None:
        super().__init__()
        self.scale = ports.scale
        self.offset = ports.offset
        self.bands_per_step = settings.bands_per_step
        # a point scan off the middle of its blocks becomes another scan when it is turned
        self.ensemble = settings.ensemble and not any(ports.offset)
        self.trunk = _Trunk(settings.width, settings.blocks, ports.scale)
        self.to_outputs = None
        if not ports.same_bands:
            self.to_outputs = nn.Conv2d(ports.bands_in, ports.bands_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = x if self.scale == 1 else enlarged(x, self.scale, self.offset)
        if self.to_outputs is not None:  # each output depends on all bands
            out: Tensor = self.to_outputs(fine + self._detail(x))
            return out
        if self.training:
            return self._with_detail_in_some_bands(x, fine)
        return fine + self._detail(x)

    def _with_detail_in_some_bands(self, x: Tensor, fine: Tensor) -> Tensor:
        """Return the enlarged images with detail in a random choice of bands of each."""
        count, bands = x.shape[:2]
        generator = self.generator_on(x.device)
        random = torch.rand(count, bands, device=x.device, generator=generator)
        band = random.argsort(dim=1)[:, : self.bands_per_step]  # (batch, chosen)
        image = torch.arange(count, device=x.device)[:, None].expand_as(band)
        detail = self.trunk(x[image, band].flatten(0, 1)[:, None])[:, 0]
        detail = detail.reshape(*band.shape, *fine.shape[-2:])
        detail = detail.to(fine)  # may be in half precision
        return fine.index_put((image, band), detail, accumulate=True)

    def _detail(self, x: Tensor) -> Tensor:
        """Return what is added to the interpolation, (batch, band, y · scale, x · scale)."""
        images = x.flatten(0, 1)[:, None]  # (batch · band, 1, y, x)
        parts = [self._mean_detail(part) for part in torch.split(images, self.bands_per_step)]
        detail = torch.cat(parts)
        return detail.reshape(*x.shape[:2], *detail.shape[-2:])

    def _mean_detail(self, images: Tensor) -> Tensor:
        """Return the detail of images, (image, 1, y, x), averaged over orientations."""
        if self.training or not self.ensemble:
            return self._detail_of(images)
        return mean_over_turns(self._detail_of, images)

    def _detail_of(self, images: Tensor) -> Tensor:
        detail: Tensor = self.trunk(images)
        return detail.float()


class _Trunk(nn.Module):
    """From images, (image, 1, y, x), to the detail of the enlarged ones; homogeneous, as a filter."""

    def __init__(self, width: int, blocks: int, scale: int) -> None:
        super().__init__()
        self.enter = _conv3(1, width)
        self.body = nn.Sequential(*(_Block(width) for _ in range(blocks)), _conv3(width, width))
        self.leave = _conv3(width, scale**2)
        self.scale = scale
        with torch.no_grad():
            self.leave.weight.mul_(0.1)  # starts close to the interpolation

    def forward(self, x: Tensor) -> Tensor:
        # filters of zero mean do not see the mean of the image
        weight = self.enter.weight - self.enter.weight.mean(dim=(-2, -1), keepdim=True)
        padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        features = functional.conv2d(padded, weight)
        # channels last: 1.2 times as fast on a CPU, 1.5 times in bfloat16
        features = features.contiguous(memory_format=torch.channels_last)
        features = features + self.body(features)
        return functional.pixel_shuffle(self.leave(features), self.scale)


class _Block(nn.Module):
    """Residual block of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv3(width, width)
        self.second = _conv3(width, width)
        with torch.no_grad():
            self.second.weight.mul_(0.2)  # keeps the sum over many blocks small at first

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(functional.relu(self.first(x)))
        return out


def _conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
