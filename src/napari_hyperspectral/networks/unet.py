"""U-Net, Ronneberger et al. 2015, and ResUNet, along spectra, on images or through volumes.

As in spectrai (Horgan and Bergholt 2021, https://arxiv.org/abs/2108.07595), what goes up from a
level has the channels of the next one already. `width=64, depth=3, widest=256` are its sizes along
spectra (2.86 million parameters with `residual`) and through volumes (25.7 million); on images its
width is the number of bands, and the widest four times that. Written anew from these facts.

Ours: a linear end, so that results may be negative; an activation of its own at each place;
residual layers only where they are used; interpolation that does not depend on the size of the
image, so that tiles give what the whole gives; other outputs than bands are linear maps of all
bands, not of their mean.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor, nn

from ..settings import RecipeLike
from .base import Network, NetworkModule, Ports
from .blocks.adapters import MIN_STEPS, AsVolume, PerSpectrum, padded_length
from .blocks.layers import CONV, TRANSPOSED, Activation, Dims, Layers, Norm, normalises_images


class UNet(Network):
    """U-Net or ResUNet along each spectrum, over the image, or through the cube as a volume."""

    source: ClassVar[str] = "Ronneberger et al. 2015, U-Net, https://arxiv.org/abs/1505.04597"
    kind: Literal["unet"] = "unet"
    along: Literal["image", "spectrum", "volume"] = "image"
    """image: over rows and columns, all bands at once. spectrum: along each spectrum, blind to
    space. volume: along both, the bands being the depth; takes much more memory."""
    width: Annotated[int, Ge(1), Le(1024)] = 32
    """Channels of the first level; each level below has twice as many."""
    depth: Annotated[int, Ge(0), Le(6)] = 3
    """Times the size is halved: how far around a pixel, or a band, it looks."""
    widest: Annotated[int, Ge(1), Le(4096)] = 512
    """Channels that a level has at most."""
    residual: bool = False
    """Two convolutions more at each step, added to what comes in (ResUNet)."""
    upsampling: Literal["nearest", "linear", "transposed"] = "linear"
    """How the size is doubled: by repeating, by interpolating, or by a learned convolution."""
    activation: Activation = "relu"
    """What is made of values below 0 after each convolution but the last: relu cuts them off, leaky
    relu keeps a tenth of them, prelu a share that it learns."""
    norm: Norm = "batch"
    """How values are kept in range after each convolution but the last: batch by statistics of the
    training set, layer by those of each pixel, instance and group by those of the image at hand,
    with which large images in tiles become only nearly right."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Share of the deepest numbers silenced at each training step; against learning by heart."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        if self.depth == 0:
            return {"upsampling": "Depth is 0: nothing is halved, and so nothing doubled."}
        return {}

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
        block = 4 if self.residual else 2
        receptive_radius = block
        for _ in range(self.depth):  # from the deepest level up, in pixels of each
            # a pixel is one of two; interpolation takes a neighbour, too
            receptive_radius = (
                2 * block + 2 * receptive_radius + (2 if self.upsampling == "linear" else 1)
            )
        return receptive_radius

    @property
    def stride(self) -> int:
        return 1 if self.operates_on == "spectrum" else self._multiple

    def floats_per_pixel(self, ports: Ports) -> int:
        ends, width = 2 * (ports.bands_in + ports.bands_out), min(self.width, self.widest)
        match self.along:  # measured: 5 to 6 maps of a level at once, 10 of spectra
            case "image":
                return ends + 8 * width
            case "spectrum":
                return ends + 12 * width * padded_length(ports.bands_in, MIN_STEPS * self._multiple)
            case "volume":
                return ends + 8 * width * padded_length(ports.bands_in, self._multiple)

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=2, depth=1)

    @property
    def _multiple(self) -> int:
        return int(2**self.depth)


class _UNet(NetworkModule):
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
        levels = range(settings.depth + 1)
        widths = [min(settings.width * 2**level, settings.widest) for level in levels]
        residual = settings.residual
        self.enter = _block(layers, channels_in, widths[0], widths[0], residual)
        self.halve = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[dims - 1](2)
        self.down = nn.ModuleList(_block(layers, a, b, b, residual) for a, b in pairwise(widths))
        self.drop = nn.Dropout(settings.dropout)
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        channels = widths[-1]
        for level in reversed(levels[:-1]):
            wide, above = widths[level], widths[max(0, level - 1)]
            self.enlarge.append(_doubling(settings.upsampling, channels, dims))
            self.up.append(_block(layers, wide + channels, wide, above, residual))
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
    """Two convolutions whose result is added to what came in."""

    def __init__(self, layers: Layers, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(layers.convolution(channels, channels) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


def _block(
    layers: Layers, channels_in: int, middle: int, channels_out: int, residual: bool
) -> nn.Sequential:
    """Return two convolutions, with a residual pair between them where wanted."""
    between = [_Residual(layers, middle)] if residual else []
    return nn.Sequential(
        layers.convolution(channels_in, middle),
        *between,
        layers.convolution(middle, channels_out),
    )


def _doubling(
    upsampling: Literal["nearest", "linear", "transposed"], channels: int, dims: Dims
) -> nn.Module:
    match upsampling:
        case "nearest":
            return nn.Upsample(scale_factor=2)
        case "linear":
            return nn.Upsample(scale_factor=2, mode=("linear", "bilinear", "trilinear")[dims - 1])
        case "transposed":
            return TRANSPOSED[dims](channels, channels, 2, stride=2)
