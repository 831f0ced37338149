"""Super-resolution by one network of one channel, through which each band goes by itself.

As EDSR (Lim et al. 2017, https://arxiv.org/abs/1707.02921) it has residual blocks without
normalisation, works on the small image, enlarges at the very end, and may predict the mean over all
turns. Ours: it never sees a spectrum, so that it cannot learn the materials of a few scenes by
heart, and takes any number of bands; what it gives is added to the cubic enlargement. Without
biases (Mohan et al. 2020, https://arxiv.org/abs/1906.05478), and blind to the mean of what it sees,
it treats dim and bright images alike, as interpolation does.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional

from ..settings import RecipeLike
from .base import ImageNetwork, NetworkModule, Ports, enlarged

_WAYS: Final = tuple((quarters, mirror) for mirror in (False, True) for quarters in range(4))
"""All ways to turn and mirror an image; the first leaves it."""


class BandwiseEDSR(ImageNetwork):
    """Super-resolution of each band by itself, by the same weights; learns from few scenes."""

    source: ClassVar[str] = (
        "Lim et al. 2017, Enhanced deep residual networks for single image super-resolution, "
        "https://arxiv.org/abs/1707.02921; one channel for all bands, as is ours"
    )
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    kind: Literal["bandwise_edsr"] = "bandwise_edsr"
    width: Annotated[int, Ge(1), Le(512)] = 48
    """Channels of the body. Published: 64, or 256."""
    blocks: Annotated[int, Ge(1), Le(64)] = 8
    """Residual blocks of two convolutions each. Published: 16, or 32."""
    bands_per_step: Annotated[int, Ge(1), Le(4096)] = 5
    """Bands of each image that a step of the training is about, drawn at random; the others are
    interpolated, and teach nothing. Neighbouring bands are too alike to be worth the time."""
    ensemble: bool = True
    """Predict the mean over the eight ways to turn and mirror an image: better by a little, and
    eight times slower."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        if any(recipe.task.offset):
            why = (
                "Decimation samples pixels off the middle of their blocks: a turned image would be "
                "another scan."
            )
            return {"ensemble": why}
        return {}

    def build(self, ports: Ports) -> NetworkModule:
        return _BandwiseEDSR(self, ports)

    @property
    def receptive_radius(self) -> int:
        # a pixel for each 3 × 3 convolution: at the entry, in the blocks, after them, at the end
        return 1 + 2 * self.blocks + 1 + 1

    @property
    def stride(self) -> int:
        return 1

    def floats_per_pixel(self, ports: Ports) -> int:
        images = min(self.bands_per_step, ports.bands_in)
        # the interpolation, what is added to it, in parts and joined, and one part on its way
        large = int(ports.scale**2) * (3 * max(ports.bands_in, ports.bands_out) + images)
        return 2 * ports.bands_in + 5 * images * self.width + large

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=4, blocks=1, bands_per_step=2)


class _BandwiseEDSR(NetworkModule):
    def __init__(self, settings: BandwiseEDSR, ports: Ports) -> None:
        super().__init__()
        self.scale, self.offset, self.bands_per_step = (
            ports.scale,
            ports.offset,
            settings.bands_per_step,
        )
        # a point scan beside the middle of its blocks is another one when it is turned
        self.ways = _WAYS if settings.ensemble and not any(ports.offset) else _WAYS[:1]
        self.trunk = _Trunk(settings.width, settings.blocks, ports.scale)
        self.to_outputs = (
            None if ports.same_bands else nn.Conv2d(ports.bands_in, ports.bands_out, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        large = x if self.scale == 1 else enlarged(x, self.scale, self.offset)
        if self.to_outputs is not None:  # each output is made of all bands
            out: Tensor = self.to_outputs(large + self._refined(x))
            return out
        return self._some(x, large) if self.training else large + self._refined(x)

    def _some(self, x: Tensor, large: Tensor) -> Tensor:
        """Return the enlarged images, some bands of each of them refined."""
        count, bands = x.shape[:2]
        drawn = torch.rand(count, bands, device=x.device).argsort(dim=1)[:, : self.bands_per_step]
        image = torch.arange(count, device=x.device)[:, None].expand_as(drawn)
        gained = self.trunk(x[image, drawn].flatten(0, 1)[:, None])[:, 0]
        gained = gained.reshape(*drawn.shape, *large.shape[-2:]).to(
            large
        )  # may be in half precision
        return large.index_put((image, drawn), gained, accumulate=True)

    def _refined(self, x: Tensor) -> Tensor:
        """Return what goes beyond interpolation, (batch, band, y · scale, x · scale)."""
        parts = torch.split(x.flatten(0, 1)[:, None], self.bands_per_step)
        gained = torch.cat([self._in_all_ways(part) for part in parts])
        return gained.reshape(*x.shape[:2], *gained.shape[-2:])

    def _in_all_ways(self, images: Tensor) -> Tensor:
        ways = _WAYS[:1] if self.training else self.ways
        made: Tensor = self.trunk(_turned(images, *ways[0])).float()
        for way in ways[1:]:  # eight large images at once would be most of the memory
            made = made + _turned_back(self.trunk(_turned(images, *way)), *way)
        return made / len(ways)


class _Trunk(nn.Module):
    """From images, (image, 1, y, x), to what is added to them enlarged; homogeneous, as a filter."""

    def __init__(self, width: int, blocks: int, scale: int) -> None:
        super().__init__()
        self.enter = _conv3(1, width)
        self.body = nn.Sequential(*(_Block(width) for _ in range(blocks)), _conv3(width, width))
        self.leave = _conv3(width, scale**2)
        self.scale = scale
        with torch.no_grad():
            self.leave.weight.mul_(0.1)  # begins close to the interpolation

    def forward(self, x: Tensor) -> Tensor:
        weight = self.enter.weight - self.enter.weight.mean(dim=(-2, -1), keepdim=True)
        features = functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), weight)
        features = features + self.body(features)
        return functional.pixel_shuffle(self.leave(features), self.scale)


class _Block(nn.Module):
    """Two convolutions, whose result is added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv3(width, width), _conv3(width, width)
        with torch.no_grad():
            self.second.weight.mul_(0.2)  # many blocks in a row begin quietly

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(functional.relu(self.first(x)))
        return out


def _conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)


def _turned(image: Tensor, quarters: int, mirror: bool) -> Tensor:
    turned = torch.rot90(image, quarters, dims=(-2, -1))
    return turned.flip(-1) if mirror else turned


def _turned_back(image: Tensor, quarters: int, mirror: bool) -> Tensor:
    return torch.rot90(image.flip(-1) if mirror else image, -quarters, dims=(-2, -1))
