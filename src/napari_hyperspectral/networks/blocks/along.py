"""Spectra and volumes: other ways to look at a cube than as an image of many bands."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from ..base import NetworkModule, Ports

SPECTRA_LEAST: Final = 2
"""Values at the coarsest: batch statistics need two, even of a single spectrum."""


def length(bands: int, multiple: int) -> int:
    """Return how many bands there are once the last is repeated up to a multiple."""
    return -(-bands // multiple) * multiple


class OfSpectra(NetworkModule):
    """A network for spectra, (spectrum, 1, band), on the spectrum of each pixel.

    Parameters
    ----------
    module : Module
        From and to (spectrum, 1, band), for numbers of bands that are multiples of `stride`.
    stride : int
        The last band is repeated up to a multiple of this, and what comes of it is cut off.
    ports : Ports
        Where other outputs than bands are wanted, one linear map from all bands leads to them.
    """

    def __init__(self, module: nn.Module, stride: int, ports: Ports) -> None:
        super().__init__()
        self.module = module
        self.multiple = SPECTRA_LEAST * stride
        self.to_outputs = _to_outputs(ports)

    def forward(self, x: Tensor) -> Tensor:
        batch, bands, height, width = x.shape
        spectra = x.permute(0, 2, 3, 1).reshape(-1, 1, bands)
        spectra = self.module(_lengthened(spectra, self.multiple))[..., :bands]
        image = spectra.reshape(batch, height, width, bands).permute(0, 3, 1, 2)
        out: Tensor = self.to_outputs(image)
        return out


class OfVolume(NetworkModule):
    """A network for volumes of one channel, whose depth is the bands, or planes, of a cube.

    Parameters
    ----------
    module : Module
        From and to (batch, 1, band, y, x), for sizes that are multiples of `stride`.
    stride : int
        The last band is repeated up to a multiple of this, and what comes of it is cut off.
    ports : Ports
        Where other outputs than bands are wanted, one linear map from all bands leads to them.
    """

    def __init__(self, module: nn.Module, stride: int, ports: Ports) -> None:
        super().__init__()
        self.module = module
        self.stride = stride
        self.to_outputs = _to_outputs(ports)

    def forward(self, x: Tensor) -> Tensor:
        volume = self.module(_lengthened(x[:, None], self.stride))
        out: Tensor = self.to_outputs(volume[:, 0, : x.shape[1]])
        return out


def _lengthened(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last band of (batch, channel, band, …) up to a multiple."""
    more = length(x.shape[2], multiple) - x.shape[2]
    return torch.cat([x, x[:, :, -1:].repeat_interleave(more, dim=2)], dim=2) if more else x


def _to_outputs(ports: Ports) -> nn.Module:
    return nn.Identity() if ports.same_bands else nn.Conv2d(ports.bands_in, ports.bands_out, 1)
