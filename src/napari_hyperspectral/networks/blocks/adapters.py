"""Adapters: networks for spectra, or for volumes of one channel, applied to images of many bands."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from ..base import NetworkModule, Ports

MIN_STEPS: Final = 2
"""Values that are left at the coarsest level: batch statistics of a single spectrum need two."""


def padded_length(bands: int, multiple: int) -> int:
    """Return the number of bands once the last is repeated up to a multiple."""
    return math.ceil(bands / multiple) * multiple


class PerSpectrum(NetworkModule):
    """A network for spectra, (spectrum, 1, band), applied to the spectrum of each pixel.

    Parameters
    ----------
    module : Module
        From and to (spectrum, 1, band), for numbers of bands that are multiples of `stride`.
    stride : int
        Spectra are padded to a multiple of this by their last band, and results cropped.
    ports : Ports
        Where outputs are not the bands of the input, a linear map from all bands leads to them.
    """

    def __init__(self, module: nn.Module, stride: int, ports: Ports) -> None:
        super().__init__()
        self.module = module
        self.multiple = MIN_STEPS * stride
        self.to_outputs = _to_outputs(ports)

    def forward(self, x: Tensor) -> Tensor:
        batch, bands, height, width = x.shape
        spectra = x.permute(0, 2, 3, 1).reshape(-1, 1, bands)
        spectra = self.module(_padded(spectra, self.multiple))[..., :bands]
        image = spectra.reshape(batch, height, width, bands).permute(0, 3, 1, 2)
        out: Tensor = self.to_outputs(image)
        return out


class AsVolume(NetworkModule):
    """A network for volumes, (batch, 1, depth, y, x), whose depth is the bands, or planes, of a cube.

    Parameters
    ----------
    module : Module
        From and to (batch, 1, band, y, x), for sizes that are multiples of `stride`.
    stride : int
        Volumes are padded to a multiple of this by their last band, and results cropped.
    ports : Ports
        Where outputs are not the bands of the input, a linear map from all bands leads to them.
    """

    def __init__(self, module: nn.Module, stride: int, ports: Ports) -> None:
        super().__init__()
        self.module = module
        self.stride = stride
        self.to_outputs = _to_outputs(ports)

    def forward(self, x: Tensor) -> Tensor:
        bands = x.shape[1]
        volume = self.module(_padded(x[:, None], self.stride))
        out: Tensor = self.to_outputs(volume[:, 0, :bands])
        return out


def _padded(x: Tensor, multiple: int) -> Tensor:
    """Return (batch, channel, band, …) with the last band repeated up to a multiple."""
    bands = x.shape[2]
    missing = padded_length(bands, multiple) - bands
    if not missing:
        return x
    repeated = x[:, :, -1:].repeat_interleave(missing, dim=2)
    return torch.cat([x, repeated], dim=2)


def _to_outputs(ports: Ports) -> nn.Module:
    """Return a linear map from all bands to each output; nothing where outputs are the bands."""
    if ports.same_bands:
        return nn.Identity()
    return nn.Conv2d(ports.bands_in, ports.bands_out, 1)
