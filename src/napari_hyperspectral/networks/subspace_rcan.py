"""A residual channel attention network for many bands that stays small and fast.

As RCAN (Zhang et al. 2018, https://arxiv.org/abs/1807.02758) it works on the coarse image and
upsamples at the very end. Ours: it works on a few spectral components, initialised by the principal
components of the training spectra; only they are refined, and the adjoint adds what they gain to
the cubic interpolation of the bands. It starts close to that interpolation, so that a short training
on few scenes cannot make it worse. HyRISR has layers of all bands at full size instead, with a
hundred times the weights.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional

from .base import ImageNetwork, NetworkModule, Ports, enlarged
from .blocks.subspace import initialise_projection
from .hyrisr import ResidualGroup, conv3

_REDUCTION: Final = 4
"""Channels for each hidden unit of the attentions: fewer than in RCAN, as there are fewer channels."""


class SubspaceRCAN(ImageNetwork):
    """Super-resolution on a few spectral components, added to the interpolated image."""

    source: ClassVar[str] = (
        "Zhang et al. 2018, Image super-resolution using very deep residual channel attention "
        "networks, https://arxiv.org/abs/1807.02758; on spectral components, as is ours"
    )
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    kind: Literal["subspace_rcan"] = "subspace_rcan"
    components: Annotated[int, Ge(1), Le(512)] = 16
    """Spectral components it works on; never more than there are bands."""
    width: Annotated[int, Ge(1), Le(512)] = 48
    """Channels of the residual groups."""
    groups: Annotated[int, Ge(1), Le(64)] = 4
    """Groups of blocks, each with a skip."""
    blocks: Annotated[int, Ge(1), Le(64)] = 4
    """Blocks of two convolutions in each group."""
    attention: bool = True
    """Channel attention, by means over the image. Without it, tiles of large images are exact."""

    @property
    def uses_image_statistics(self) -> bool:
        return self.attention

    def build(self, ports: Ports) -> NetworkModule:
        return _SubspaceRCAN(self, ports)

    @property
    def receptive_radius(self) -> int:
        # a pixel for each 3 × 3 convolution: the first, those of the groups, after them, the last
        return 1 + self.groups * (2 * self.blocks + 1) + 1 + 1

    @property
    def stride(self) -> int:
        return 1

    def floats_per_pixel(self, ports: Ports) -> int:
        fine = 3 * ports.bands_out + 3 * self.components
        return 2 * ports.bands_in + 6 * self.width + int(ports.scale**2) * fine

    @classmethod
    def smallest(cls) -> Self:
        return cls(components=2, width=4, groups=1, blocks=1)


class _SubspaceRCAN(NetworkModule):
    def __init__(self, settings: SubspaceRCAN, ports: Ports) -> None:
        super().__init__()
        components = min(settings.components, ports.bands_in)
        width = settings.width
        self.scale = ports.scale
        self.offset = ports.offset
        # at ×1 the input is noisy: its noise lies outside the components, and would stay
        self.adds_to_input = ports.scale > 1 and ports.same_bands
        self.stem = nn.Conv2d(ports.bands_in, components, 1)
        self.enter = conv3(components, width)
        reduction = _REDUCTION if settings.attention else None
        groups = (ResidualGroup(width, settings.blocks, reduction) for _ in range(settings.groups))
        self.body = nn.Sequential(*groups, conv3(width, width))
        self.leave = conv3(width, components * ports.scale**2)
        self.adjoint = nn.Conv2d(components, ports.bands_out, 1, bias=not self.adds_to_input)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)  # starts close to the interpolation

    def initialise_from(self, spectra: Tensor) -> None:
        as_many = self.stem.in_channels == self.adjoint.out_channels
        initialise_projection(self.stem, self.adjoint if as_many else None, spectra)

    def forward(self, x: Tensor) -> Tensor:
        components = self.stem(x)
        features = self.enter(components)
        features = features + self.body(features)
        detail = functional.pixel_shuffle(self.leave(features), self.scale)  # of the components
        if self.adds_to_input:
            fine: Tensor = enlarged(x, self.scale, self.offset) + self.adjoint(detail)
            return fine
        if self.scale > 1:
            components = enlarged(components, self.scale, self.offset)
        out: Tensor = self.adjoint(components + detail)
        return out
