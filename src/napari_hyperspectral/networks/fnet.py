"""The U-Net of pytorch_fnet, Ounkomol et al. 2018, on images and, as published, through volumes.

Strided convolutions halve the image and transposed ones double it; every convolution but the last
is followed by batch normalisation and ReLU. With 32 channels and four halvings, the U on one
channel has 8,115,936 parameters, as theirs. Written anew from these facts.

Ours: numbers of planes, or bands, that four halvings do not divide are padded, and results cropped;
other outputs than planes need one linear layer more.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from .base import ImageNetwork, NetworkModule, Ports
from .blocks.adapters import AsVolume, padded_length
from .blocks.layers import BATCH_NORM, CONV, TRANSPOSED, Dims


class FNet(ImageNetwork):
    """U-Net with learned down- and upsampling (pytorch_fnet); for label-free prediction."""

    source: ClassVar[str] = (
        "Ounkomol et al. 2018, Label-free prediction of three-dimensional fluorescence images, "
        "https://doi.org/10.1038/s41592-018-0111-2"
    )
    kind: Literal["fnet"] = "fnet"
    along: Literal["image", "volume"] = "image"
    """image: over rows and columns, all bands, or planes, at once. volume: through planes, or
    bands, as well, as in label-free prediction from z-stacks; takes much more memory."""
    width: Annotated[int, Ge(1), Le(512)] = 32
    """Channels of the first level; each level below has twice as many. Published: 32."""
    depth: Annotated[int, Ge(0), Le(6)] = 4
    """Times the image is halved: how far around a pixel it sees. Published: 4."""

    def build(self, ports: Ports) -> NetworkModule:
        if self.along == "volume":
            u = SpatialU(1, self.width, self.depth, 3)
            end = nn.Conv3d(self.width, 1, 3, padding=1)
            return AsVolume(nn.Sequential(u, end), self.stride, ports)
        return _FNet(self, ports)

    @property
    def receptive_radius(self) -> int:
        return unet_receptive_radius(self.depth) + 1

    @property
    def stride(self) -> int:
        return int(2**self.depth)

    def floats_per_pixel(self, ports: Ports) -> int:
        ends = 2 * (ports.bands_in + ports.bands_out)
        if self.along == "volume":
            return ends + 8 * self.width * padded_length(ports.bands_in, self.stride)
        return ends + 12 * self.width

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=2, depth=1)


class _FNet(NetworkModule):
    def __init__(self, settings: FNet, ports: Ports) -> None:
        super().__init__()
        self.u = SpatialU(ports.bands_in, settings.width, settings.depth)
        self.out = nn.Conv2d(settings.width, ports.bands_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.u(x))
        return out


class SpatialU(nn.Module):
    """A U-Net: two convolutions, and inside of them a U-Net of half the size and twice the channels.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels of input and output.
    depth : int
        Halvings that follow; at 0 it is two convolutions.
    dims : int
        2 for images, 3 for volumes.
    """

    def __init__(self, channels_in: int, channels_out: int, depth: int, dims: Dims = 2) -> None:
        super().__init__()
        width = channels_out
        norm = BATCH_NORM[dims]
        self.before = double_convolution(channels_in, width, dims)
        self.inside = nn.Sequential()
        self.after: nn.Module = nn.Identity()
        if depth:
            self.inside = nn.Sequential(
                CONV[dims](width, width, 2, stride=2), norm(width), nn.ReLU(),
                SpatialU(width, 2 * width, depth - 1, dims),
                TRANSPOSED[dims](2 * width, width, 2, stride=2), norm(width), nn.ReLU(),
            )  # fmt: skip
            self.after = double_convolution(2 * width, width, dims)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        if len(self.inside):
            x = torch.cat([x, self.inside(x)], dim=1)
        out: Tensor = self.after(x)
        return out


def double_convolution(channels_in: int, channels_out: int, dims: Dims = 2) -> nn.Sequential:
    """Return convolution, batch normalisation and ReLU, twice."""
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers += [CONV[dims](channels, channels_out, 3, padding=1)]
        layers += [BATCH_NORM[dims](channels_out), nn.ReLU()]
    return nn.Sequential(*layers)


def unet_receptive_radius(depth: int) -> int:
    """Return the receptive radius of a `SpatialU`, in pixels of its input."""
    lowest = int(2**depth)  # pixels in one of the lowest level
    # two convolutions, of a pixel of their level each: down and up at each level, once at the lowest
    convolutions = 4 * (lowest - 1) + 2 * lowest
    halvings = lowest - 1
    return convolutions + halvings
