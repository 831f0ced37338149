"""HyRISR, the super-resolution network of DeepeR, Horgan et al. 2021: a hyperspectral RCAN.

Residual channel attention (Zhang et al. 2018, https://arxiv.org/abs/1807.02758), with all bands
enlarged first and half as many channels as bands in layers that work on large images. With 500
bands it has 147,150,870 (×2), 158,403,370 (×3) or 156,152,870 (×4) parameters, and the keys of the
released state dicts. Those hold 6 blocks a group, where the paper says 16. Written anew from these
facts.

Ours: any number of bands; ×8, by three doublings; ×1, without enlarging, to restore; other outputs
than bands need one linear layer more.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from annotated_types import Ge, Le
from torch import Tensor, nn

from .base import ImageNetwork, NetworkModule, Ports

STEPS: Final = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""Factors by which each scale is upsampled, one after the other."""


class HyRISR(ImageNetwork):
    """Residual channel attention on all bands (DeepeR); large, for use with the released weights."""

    source: ClassVar[str] = (
        "Horgan et al. 2021, High-throughput molecular imaging via deep-learning-enabled Raman "
        "spectroscopy, https://doi.org/10.1021/acs.analchem.1c02178"
    )
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    kind: Literal["hyrisr"] = "hyrisr"
    groups: Annotated[int, Ge(1), Le(64)] = 18
    """Groups of blocks, each with a skip; published: 18."""
    blocks: Annotated[int, Ge(1), Le(64)] = 6
    """Blocks of two convolutions and an attention in each group; released: 6, paper: 16."""
    channels: Annotated[int, Ge(0), Le(4096)] = 0
    """Channels of the residual groups; 0 means half as many as bands, as published."""
    reduction: Annotated[int, Ge(1), Le(1024)] = 16
    """Reduction of the channel attention: channels for each of its hidden units; published: 16."""

    @property
    def uses_image_statistics(self) -> bool:
        return True  # attentions weigh channels by their mean over the image

    def build(self, ports: Ports) -> NetworkModule:
        return _HyRISR(self, ports)

    @property
    def receptive_radius(self) -> int:
        # a pixel for each 3 × 3 convolution: of upsampling and heads, groups, tail; an upper bound,
        # since after upsampling they work on smaller pixels
        return 3 + 1 + self.groups * (2 * self.blocks + 1) + 1 + 2

    @property
    def stride(self) -> int:
        return 1

    def floats_per_pixel(self, ports: Ports) -> int:
        channels = _channels(self, ports)
        return int(ports.scale**2) * (4 * max(ports.bands_in, ports.bands_out) + 4 * channels)

    @classmethod
    def smallest(cls) -> Self:
        return cls(groups=1, blocks=1, channels=6, reduction=2)


class _HyRISR(NetworkModule):
    def __init__(self, settings: HyRISR, ports: Ports) -> None:
        super().__init__()
        bands, channels = ports.bands_in, _channels(settings, ports)
        self.head1 = nn.Sequential(_upsampler(bands, STEPS[ports.scale]), conv3(bands, bands))
        self.head2 = nn.Sequential(conv3(bands, channels))
        groups = (
            ResidualGroup(channels, settings.blocks, settings.reduction)
            for _ in range(settings.groups)
        )
        self.body = nn.Sequential(*groups, conv3(channels, channels))
        self.tail = nn.Sequential(conv3(channels, channels), conv3(channels, bands))
        self.to_outputs: nn.Module = nn.Identity()
        if not ports.same_bands:
            self.to_outputs = nn.Conv2d(bands, ports.bands_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        large = self.head1(x)  # (batch, bands_in, y · scale, x · scale)
        features = self.head2(large)
        features = features + self.body(features)
        out: Tensor = self.to_outputs(large + self.tail(features))
        return out


class ResidualGroup(nn.Module):
    """Residual group: blocks and a convolution, whose output is added to the input.

    Parameters
    ----------
    channels : int
        Channels of input and output.
    blocks : int
        Number of blocks.
    reduction : int or None
        Channels for each hidden unit of the attentions; None leaves attentions out.
    """

    def __init__(self, channels: int, blocks: int, reduction: int | None) -> None:
        super().__init__()
        layers: list[nn.Module] = [_Block(channels, reduction) for _ in range(blocks)]
        self.body = nn.Sequential(*layers, conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class _Block(nn.Module):
    """Residual block of two convolutions and, unless `reduction` is None, an attention."""

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__()
        layers = [conv3(channels, channels), nn.ReLU(), conv3(channels, channels)]
        if reduction is not None:
            layers.append(_ChannelAttention(channels, reduction))
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class _ChannelAttention(nn.Module):
    """Channels times weights between 0 and 1, which depend on the image means of all channels."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.chan_attn = nn.Sequential(
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(-2, -1), keepdim=True)  # (batch, channel, 1, 1)
        weights: Tensor = self.chan_attn(means)
        return x * weights


def _channels(settings: HyRISR, ports: Ports) -> int:
    """Return the channels of the residual groups."""
    return settings.channels or max(1, ports.bands_in // 2)


def _upsampler(bands: int, steps: tuple[int, ...]) -> nn.Sequential:
    """Return layers that upsample by these factors, by a convolution and a pixel shuffle each."""
    layers: list[nn.Module] = []
    for step in steps:
        layers += [conv3(bands, bands * step**2), nn.PixelShuffle(step)]
    return nn.Sequential(*layers)


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """Return a 3 × 3 convolution that keeps the size of images."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)
