"""A U-Net on a few spectral components instead of hundreds of bands.

The stem is a linear map to components, initialised by the principal components of the training
spectra; a U-Net (Ronneberger et al. 2015) works on their images; where outputs are bands, the
adjoint of the stem leads back. It sees the whole image, without patches (Zheng et al. 2020, FPGA,
https://doi.org/10.1109/TGRS.2020.2967821), with a loss on the labelled pixels only.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le, Lt
from torch import Tensor, nn
from torch.nn import functional

from ..random_numbers import Dropout
from .base import ImageNetwork, NetworkModule, Ports
from .blocks.subspace import initialise_projection


class SpectralUNet(ImageNetwork):
    """U-Net on a few spectral components of the image; uses spectra, shape and surroundings."""

    source: ClassVar[str] = (
        "Ronneberger et al. 2015, U-Net, https://arxiv.org/abs/1505.04597; patch-free as in "
        "Zheng et al. 2020, https://doi.org/10.1109/TGRS.2020.2967821"
    )
    kind: Literal["spectral_unet"] = "spectral_unet"
    components: Annotated[int, Ge(1), Le(512)] = 32
    """Spectral components it works on; never more than there are bands."""
    width: Annotated[int, Ge(1), Le(512)] = 32
    """Channels of the first level; each level below has twice as many."""
    depth: Annotated[int, Ge(0), Le(5)] = 2
    """Times the image is halved: how far around a pixel it sees."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1
    """Dropout: share of components that are set to 0 in each training step, against overfitting."""

    def build(self, ports: Ports) -> NetworkModule:
        return _SpectralUNet(self, ports)

    @property
    def receptive_radius(self) -> int:
        # two 3 × 3 convolutions a block: a block at level i sees 2 · 2^i pixels further; going down
        # and up again, each halving adds its own step
        blocks = [int(2 * 2**level) for level in range(self.depth + 1)]
        return 2 * sum(blocks[:-1]) + blocks[-1] + self.stride - 1

    @property
    def stride(self) -> int:
        return int(2**self.depth)

    def floats_per_pixel(self, ports: Ports) -> int:
        return 2 * (ports.bands_in + ports.bands_out) + 12 * self.width

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=2, width=2, depth=1)


class _SpectralUNet(NetworkModule):
    def __init__(self, settings: SpectralUNet, ports: Ports) -> None:
        super().__init__()
        components = min(settings.components, ports.bands_in)
        widths = [settings.width * 2**level for level in range(settings.depth + 1)]
        self.stem = nn.Conv2d(ports.bands_in, components, 1)
        self.drop = Dropout(settings.dropout, of_channels=True)
        self.enter = _block(components, widths[0])
        self.down = nn.ModuleList(_block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_block(a + b, a) for a, b in pairwise(widths))
        self.adjoint = None
        if ports.same_bands:  # the U-Net corrects components, which lead back to the bands
            self.head = nn.Conv2d(widths[0], components, 1)
            self.adjoint = nn.Conv2d(components, ports.bands_out, 1)
        else:
            self.head = nn.Conv2d(widths[0], ports.bands_out, 1)

    def initialise_from(self, spectra: Tensor) -> None:
        initialise_projection(self.stem, self.adjoint, spectra)
        if self.adjoint is not None:
            with torch.no_grad():
                self.head.weight.mul_(0.1)  # starts close to the projection on the components

    def forward(self, x: Tensor) -> Tensor:
        components = self.stem(x)
        x = self.enter(self.drop(components))
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(functional.max_pool2d(x, 2))
        for block in reversed(self.up):
            x = functional.interpolate(x, scale_factor=2.0)
            x = block(torch.cat([x, skips.pop()], dim=1))
        out: Tensor = self.head(x)
        if self.adjoint is None:
            return out
        bands: Tensor = self.adjoint(components + out)
        return bands


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    """Return two convolutions with batch normalisation, with which tiles are exact."""
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers += [
            nn.Conv2d(channels, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.LeakyReLU(0.1),
        ]
    return nn.Sequential(*layers)
