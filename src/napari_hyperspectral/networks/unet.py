"""U-Net, Ronneberger et al. 2015, and ResUNet, along spectra, on images or through volumes.

As in spectrai (Horgan and Bergholt 2021, https://arxiv.org/abs/2108.07595), what goes up from a
level has the channels of the next one already. `width=64, depth=3, widest=256` are its sizes along
spectra (2.86 million parameters with `residual`) and through volumes (25.7 million); on images its
width is the number of bands, and the widest four times that. Written anew from these facts.

Ours: a linear end, so that results may be negative; each activation has its own parameters;
residual layers only where they are used; interpolation that does not depend on the size of the
image, so that tiles are exact; other outputs than bands are linear maps of all bands, not of their
mean.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor, nn

from ..random_numbers import Dropout
from ..settings import RecipeLike
from .base import Network, NetworkModule, Ports
from .blocks.adapters import MIN_STEPS, AsVolume, PerSpectrum, padded_length
from .blocks.layers import (
    CONV,
    MAX_POOL,
    TRANSPOSED,
    Activation,
    Dims,
    Layers,
    Norm,
    normalises_images,
)


class UNet(Network):
    """U-Net or ResUNet along each spectrum, over the image, or through the cube as a volume."""

    source: ClassVar[str] = "Ronneberger et al. 2015, U-Net, https://arxiv.org/abs/1505.04597"
    kind: Literal["unet"] = "unet"
    along: Literal["image", "spectrum", "volume"] = "image"
    """Axes of its convolutions. image: rows and columns, with bands as channels; spectrum: the bands
    of each pixel by itself; volume: rows, columns and bands, which takes much more memory."""
    width: Annotated[int, Ge(1), Le(1024)] = 32
    """Channels of the first level; each level below has twice as many."""
    depth: Annotated[int, Ge(0), Le(6)] = 3
    """Times the size is halved: how far around a pixel, or a band, it sees."""
    widest: Annotated[int, Ge(1), Le(4096)] = 512
    """Largest number of channels of a level."""
    residual: bool = False
    """Two more convolutions at each step, added to their input (ResUNet)."""
    upsampling: Literal["nearest", "linear", "transposed"] = "linear"
    """Upsampling: nearest neighbour, linear interpolation, or transposed convolution."""
    activation: Activation = "relu"
    """Activation after each convolution but the last. relu: 0 below 0; leaky relu: a tenth of it;
    prelu: a share of it that is learned."""
    norm: Norm = "batch"
    """Normalisation after each convolution but the last: batch by statistics of the training data,
    layer by those of each pixel, instance and group by those of the image, with which tiles of large
    images are only nearly exact."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Dropout: share of activations of the deepest level that are set to 0 in each training step,
    against overfitting."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = super().inactive(recipe)
        if self.depth == 0:
            return reasons | {
                "upsampling": "Depth is 0: nothing is halved, and so nothing doubled."
            }
        return reasons

    @property
    def operates_on(self) -> Literal["spectrum", "image"]:
        return "spectrum" if self.along == "spectrum" else "image"

    @property
    def uses_image_statistics(self) -> bool:
        return self.operates_on == "image" and normalises_images(self.norm)

    def build(self, ports: Ports) -> NetworkModule:
        match self.along:
            case "image":
                return _UNet(self, ports)
            case "spectrum":
                return PerSpectrum(_U(self, 1, 1, 1), self._multiple, ports)
            case "volume":
                return AsVolume(_U(self, 3, 1, 1), self._multiple, ports)

    @property
    def receptive_radius(self) -> int:
        if self.operates_on == "spectrum":
            return 0
        block = 4 if self.residual else 2  # a pixel for each convolution
        # a pixel is one of two that were halved; interpolation takes a neighbour, too
        doubling = 2 if self.upsampling == "linear" else 1
        radius = block
        for _ in range(self.depth):  # from the deepest level up, in pixels of each
            radius = 2 * block + 2 * radius + doubling
        return radius

    @property
    def stride(self) -> int:
        return 1 if self.operates_on == "spectrum" else self._multiple

    def floats_per_pixel(self, ports: Ports) -> int:
        ends = 2 * (ports.bands_in + ports.bands_out)
        width = min(self.width, self.widest)
        match self.along:  # measured: 5 to 6 maps of a level at once, 10 of spectra
            case "image":
                return ends + 8 * width
            case "spectrum":
                bands = padded_length(ports.bands_in, MIN_STEPS * self._multiple)
                return ends + 12 * width * bands
            case "volume":
                bands = padded_length(ports.bands_in, self._multiple)
                return ends + 8 * width * bands

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=2, depth=1)

    @property
    def _multiple(self) -> int:
        return int(2**self.depth)


class _UNet(NetworkModule):
    """U-Net on images."""

    def __init__(self, settings: UNet, ports: Ports) -> None:
        super().__init__()
        self.u = _U(settings, 2, ports.bands_in, ports.bands_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.u(x)
        return out


class _U(nn.Module):
    """The U itself, (batch, channels_in, …) to (batch, channels_out, …), with 1 to 3 axes."""

    def __init__(self, settings: UNet, dims: Dims, channels_in: int, channels_out: int) -> None:
        super().__init__()
        layers = Layers(dims, settings.activation, settings.norm)
        residual = settings.residual
        widths = []
        for level in range(settings.depth + 1):
            widths.append(min(settings.width * 2**level, settings.widest))
        self.enter = _block(layers, channels_in, widths[0], widths[0], residual)
        self.halve = MAX_POOL[dims](2)
        self.down = nn.ModuleList(_block(layers, a, b, b, residual) for a, b in pairwise(widths))
        self.drop = Dropout(settings.dropout)
        self.enlarge = nn.ModuleList()
        self.up = nn.ModuleList()
        channels = widths[-1]
        for level in reversed(range(settings.depth)):
            width = widths[level]
            above = widths[max(0, level - 1)]  # what goes up has the channels of the next level
            self.enlarge.append(_doubling(settings.upsampling, channels, dims))
            self.up.append(_block(layers, width + channels, width, above, residual))
            channels = above
        self.end = CONV[dims](channels, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(self.halve(x))
        x = self.drop(x)
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            x = block(torch.cat([skips.pop(), enlarge(x)], dim=1))
        out: Tensor = self.end(x)
        return out


class _Residual(nn.Module):
    """Residual block of two convolutions."""

    def __init__(self, layers: Layers, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(layers.convolution(channels, channels) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


def _block(
    layers: Layers, channels_in: int, middle: int, channels_out: int, residual: bool
) -> nn.Sequential:
    """Return two convolutions, with a residual block between them if `residual`."""
    between = [_Residual(layers, middle)] if residual else []
    return nn.Sequential(
        layers.convolution(channels_in, middle),
        *between,
        layers.convolution(middle, channels_out),
    )


def _doubling(
    upsampling: Literal["nearest", "linear", "transposed"], channels: int, dims: Dims
) -> nn.Module:
    """Return a layer that doubles the size."""
    match upsampling:
        case "nearest":
            return nn.Upsample(scale_factor=2)
        case "linear":
            return nn.Upsample(scale_factor=2, mode=("linear", "bilinear", "trilinear")[dims - 1])
        case "transposed":
            return TRANSPOSED[dims](channels, channels, 2, stride=2)
