"""RRDB: residual in residual dense blocks, the generator of ESRGAN, Wang et al. 2018.

A dense block is five 3 × 3 convolutions, each of which sees the block's input and all that the
earlier ones gave; leaky ReLUs between them, no normalisation. Three in a row, scaled by 0.2 and
added to their input (as each of them is), are one RRDB. The image is enlarged at the end, by nearest
neighbours and a convolution for each factor. With 64 channels, 23 blocks and 32 channels of growth,
×4 of three bands together has 16,697,987 parameters, of one 16,695,681. Written anew from these facts.

Ours: band by band, all bands share the weights and none depends on others; the output is added to
the cubic interpolation, close to which an untrained network starts. ×1 restores at full size, where
others halve the image first.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ..settings import RecipeLike
from .base import ImageNetwork, NetworkModule, Ports, enlarged

_FACTORS: Final = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""Factors by which each scale is upsampled, one after the other."""
_RESIDUAL_SCALE: Final = 0.2
"""Factor of what a block adds to its input."""
_BANDS_AT_ONCE: Final = 4
"""Bands in one pass: of hundreds, what backpropagation keeps would fill any memory."""


class RRDB(ImageNetwork):
    """Residual dense blocks (ESRGAN), band by band: for restoration and super-resolution."""

    source: ClassVar[str] = (
        "Wang et al. 2018, ESRGAN: Enhanced super-resolution generative adversarial networks, "
        "https://arxiv.org/abs/1809.00219"
    )
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    kind: Literal["rrdb"] = "rrdb"
    bands: Literal["one by one", "jointly"] = "one by one"
    """one by one: each band by itself, with shared weights; jointly: all bands in one network, so that
    each may depend on the others, as outputs that are not the bands of the input always do."""
    width: Annotated[int, Ge(1), Le(512)] = 32
    """Channels between blocks. Published: 64."""
    blocks: Annotated[int, Ge(1), Le(64)] = 4
    """Blocks of three dense blocks. Published: 23."""
    growth: Annotated[int, Ge(1), Le(512)] = 16
    """Channels that each convolution of a dense block adds. Published: 32."""

    def inactive(self, recipe: RecipeLike) -> dict[str, str]:
        reasons = super().inactive(recipe)
        if not recipe.task.predicts_intensities:
            return reasons | {"bands": "Classes are predicted from all bands together."}
        return reasons

    def build(self, ports: Ports) -> NetworkModule:
        if self.bands == "one by one" and ports.same_bands:
            return _OneByOne(self, ports)
        return _RRDB(self, ports)

    @property
    def receptive_radius(self) -> int:
        # a pixel for each convolution: the first, those of the blocks and after them; those at the end
        # see at most two pixels of the coarse image, and so does the cubic interpolation
        return 1 + 15 * self.blocks + 1 + 2

    @property
    def stride(self) -> int:
        return 1

    def floats_per_pixel(self, ports: Ports) -> int:
        images = _BANDS_AT_ONCE if self.bands == "one by one" else 1
        small = 4 * self.width + 4 * self.growth
        large = int(ports.scale**2) * 4 * self.width
        return images * (small + large) + 2 * (ports.bands_in + ports.bands_out * ports.scale**2)

    @classmethod
    def smallest(cls) -> Self:
        return cls(width=2, blocks=1, growth=2)


class _OneByOne(NetworkModule):
    """One network applied to each band by itself."""

    def __init__(self, settings: RRDB, ports: Ports) -> None:
        super().__init__()
        self.each = _RRDB(settings, ports.model_copy(update={"bands_in": 1, "bands_out": 1}))

    def forward(self, x: Tensor) -> Tensor:
        images = x.flatten(0, 1)[:, None]  # (batch · band, 1, y, x)
        *parts, last = torch.split(images, _BANDS_AT_ONCE)
        outputs = [self._checkpointed(part) for part in parts]
        outputs.append(self.each(last))  # backpropagation begins with it: no need to run it again
        out = torch.cat(outputs)
        return out.reshape(*x.shape[:2], *out.shape[-2:])

    def _checkpointed(self, images: Tensor) -> Tensor:
        """Return the output for some bands; for its gradient, these bands are run again.

        So the activations of no more than `_BANDS_AT_ONCE` bands are in memory at a time.
        """
        if not (self.training and torch.is_grad_enabled()):
            out: Tensor = self.each(images)
            return out
        rerun: Tensor = checkpoint(self.each, images, use_reentrant=False)
        return rerun


class _RRDB(NetworkModule):
    def __init__(self, settings: RRDB, ports: Ports) -> None:
        super().__init__()
        width, growth = settings.width, settings.growth
        self.scale = ports.scale
        self.offset = ports.offset
        self.adds_to_input = ports.same_bands
        self.enter = _conv(ports.bands_in, width)
        self.blocks = nn.Sequential(*(_Block(width, growth) for _ in range(settings.blocks)))
        self.after = _conv(width, width)
        self.factors = _FACTORS[ports.scale]
        self.enlarge = nn.ModuleList(_conv(width, width) for _ in self.factors)
        self.detail = _conv(width, width)
        self.leave = _conv(width, ports.bands_out)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)  # starts close to the interpolation

    def forward(self, x: Tensor) -> Tensor:
        features = self.enter(x)
        features = features + self.after(self.blocks(features))
        for factor, conv in zip(self.factors, self.enlarge):
            features = functional.interpolate(features, scale_factor=factor, mode="nearest")
            features = _leaky(conv(features))
        out: Tensor = self.leave(_leaky(self.detail(features)))
        if not self.adds_to_input:
            return out
        if self.scale > 1:
            x = enlarged(x, self.scale, self.offset)
        return out + x


class _Block(nn.Module):
    """Three dense blocks, scaled and added to their input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(*(_Dense(width, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + _RESIDUAL_SCALE * self.dense(x)
        return out


class _Dense(nn.Module):
    """Five convolutions, each of which sees the outputs of all before it, added to their input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.grow = nn.ModuleList(_conv(width + i * growth, growth) for i in range(4))
        self.end = _conv(width + 4 * growth, width)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for conv in self.grow:
            features = torch.cat([features, _leaky(conv(features))], dim=1)
        out: Tensor = x + _RESIDUAL_SCALE * self.end(features)
        return out


def _conv(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)
