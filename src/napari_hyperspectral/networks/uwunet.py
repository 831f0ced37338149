"""UwU-Net, Manifold et al. 2021: a U of the spectrum around U-Nets of the image.

`parallel` is the network they trained: two pairs of convolutions bring the bands down to a few
maps, the same U-Net works on each map by itself, and maps and results are fused. `nested` is the one
they drew: the bands go down to one map and up again, with a skip at each step. With the published
sizes the parameters are theirs: 8,412,733 for 200 bands, 100 between and 17 U-Nets that share
their weights, 10,269,282 nested. Written anew from these facts.

Ours: a linear end, where theirs is batch normalisation and ReLU, which can give nothing below the
mean of the target (`legacy` has it). While predicting, maps pass the shared U-Net one by one, to
save memory; while training all at once, so that its statistics are those of all maps.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from ..settings import RecipeLike
from .base import ImageNetwork, NetworkModule, Ports
from .fnet import SpatialU, double_convolution, unet_receptive_radius


class UwUNet(ImageNetwork):
    """A U-Net within a U-Net (UwU-Net): spectral outside, spatial inside."""

    source: ClassVar[str] = (
        "Manifold et al. 2021, A versatile deep learning architecture for classification and "
        "label-free prediction of hyperspectral images, https://doi.org/10.1038/s42256-021-00309-y"
    )
    kind: Literal["uwunet"] = "uwunet"
    variant: Literal["parallel", "nested"] = "parallel"
    """parallel: a U-Net on each of a few maps, as the authors trained it; nested: one U-Net inside a
    spectral U of four steps, as in their figure."""
    middle: Annotated[int, Ge(0), Le(4096)] = 0
    """Channels between the bands and the maps; 0 means half as many as bands."""
    unets: Annotated[int, Ge(0), Le(512)] = 0
    """Maps, each with a U-Net (parallel only); 0 means as many as there are outputs."""
    shared: bool = True
    """Whether the U-Nets of all maps share their weights (parallel only), as published."""
    width: Annotated[int, Ge(1), Le(512)] = 32
    """Channels of the first level of a U-Net; each level below has twice as many."""
    depth: Annotated[int, Ge(0), Le(6)] = 4
    """Times the image is halved: how far around a pixel it sees."""
    legacy: bool = False
    """End in batch normalisation and ReLU, as the released network does; for comparisons only."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = super().inactive(recipe)
        if self.variant == "nested":
            why = "Only for the parallel variant; the nested one has a single U-Net."
            return reasons | {"unets": why, "shared": why}
        if self.unets == 1:
            return reasons | {"shared": "There is one U-Net, and none to share its weights with."}
        return reasons

    def build(self, ports: Ports) -> NetworkModule:
        if self.variant == "parallel":
            return _Parallel(self, ports)
        return _Nested(self, ports)

    @property
    def receptive_radius(self) -> int:
        # a pixel for each 3 × 3 convolution: of the reduction, after the U, of fusion and end
        outer = 4 + 1 + 4
        if self.variant == "nested":
            outer = 8 + 2 + 4 * 3 + 4
        return unet_receptive_radius(self.depth) + outer

    @property
    def stride(self) -> int:
        return int(2**self.depth)

    def floats_per_pixel(self, ports: Ports) -> int:
        return 3 * (ports.bands_in + ports.bands_out) + 12 * self.width

    @classmethod
    def smallest(cls) -> Self:
        return cls(middle=4, unets=3, width=3, depth=1)


class _Parallel(NetworkModule):
    """Bands to a few maps, a U-Net on each map, maps and results to the outputs."""

    def __init__(self, settings: UwUNet, ports: Ports) -> None:
        super().__init__()
        middle = settings.middle or max(1, ports.bands_in // 2)
        maps = settings.unets or ports.bands_out
        self.reduce = nn.Sequential(
            double_convolution(ports.bands_in, middle), double_convolution(middle, maps)
        )
        count = 1 if settings.shared else maps
        self.unets = nn.ModuleList(_unet(settings) for _ in range(count))
        self.fuse = nn.Sequential(
            double_convolution(2 * maps, maps), _end(maps, ports.bands_out, settings.legacy)
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = self.reduce(x)
        spatial = self._all_unets(maps)
        out: Tensor = self.fuse(torch.cat([maps, spatial], dim=1))
        return out

    def _all_unets(self, maps: Tensor) -> Tensor:
        """Return the output of a U-Net for each map, (batch, map, y, x)."""
        shared = len(self.unets) == 1
        if shared and self.training:  # batch statistics over all maps
            batch, count, height, width = maps.shape
            images = maps.reshape(batch * count, 1, height, width)
            outputs: Tensor = self.unets[0](images)
            return outputs.reshape(batch, count, height, width)
        each = []  # one by one, to save memory
        for index in range(maps.shape[1]):
            unet = self.unets[0 if shared else index]
            each.append(unet(maps[:, index, None]))
        return torch.cat(each, dim=1)


class _Nested(NetworkModule):
    """A U over the bands, down to one map and up again, with a U-Net on that map inside."""

    def __init__(self, settings: UwUNet, ports: Ports) -> None:
        super().__init__()
        half = settings.middle or max(1, ports.bands_in // 2)
        # channels down to the single map, and back up from it
        down = [ports.bands_in, half, max(1, half // 2), max(1, half // 4), 1]
        up = down[::-1]
        self.down = nn.ModuleList(double_convolution(a, b) for a, b in pairwise(down))
        self.u = SpatialU(1, settings.width, settings.depth)
        self.one = double_convolution(settings.width, 1)
        self.up = nn.ModuleList(_widened(a, b) for a, b in pairwise(up))
        self.merge = nn.ModuleList(double_convolution(2 * size, size) for size in up[1:])
        self.end = nn.Sequential(
            double_convolution(down[0], down[2]),
            _end(down[2], ports.bands_out, settings.legacy, always=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(x)
        x = self.one(self.u(x))
        for wider, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            x = merge(torch.cat([wider(x), skip], dim=1))
        out: Tensor = self.end(x)
        return out


def _unet(settings: UwUNet) -> nn.Sequential:
    """Return a U-Net from one map to one map."""
    u = SpatialU(1, settings.width, settings.depth)
    return nn.Sequential(u, nn.Conv2d(settings.width, 1, 3, padding=1))


def _widened(channels_in: int, channels_out: int) -> nn.Sequential:
    """Return a step up the spectral U."""
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_out, 3, padding=1),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


def _end(channels_in: int, channels_out: int, legacy: bool, *, always: bool = False) -> nn.Module:
    """Return the last layers: linear, or with `legacy` as released.

    The released network has them where channels change, or `always`.
    """
    if not legacy:
        return nn.Conv2d(channels_in, channels_out, 3, padding=1)
    if always or channels_in != channels_out:
        return double_convolution(channels_in, channels_out)
    return nn.Identity()
