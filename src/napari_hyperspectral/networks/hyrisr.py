"""HyRISR, the super-resolution network of DeepeR, Horgan et al. 2021: a hyperspectral RCAN.

Residual channel attention (Zhang et al. 2018, https://arxiv.org/abs/1807.02758), with all bands
enlarged first and half as many channels as bands in a body that works on large images. With 500
bands it has 147,150,870 (×2), 158,403,370 (×3) or 156,152,870 (×4) parameters, and the keys of the
released state dicts. Those hold 6 blocks a group, where the paper says 16. Written anew from these
facts.

Ours: any number of bands; ×8, by three doublings; ×1, without the enlargement, to restore; other
outputs than bands get one linear layer more.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from annotated_types import Ge, Le
from torch import Tensor, nn

from .base import ImageNetwork, NetworkModule, Ports

STEPS: Final = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""In which steps each scale is reached."""


class HyRISR(ImageNetwork):
    """Residual channel attention on all bands (DeepeR); large: for what it was released with."""

    source: ClassVar[str] = (
        "Horgan et al. 2021, High-throughput molecular imaging via deep-learning-enabled Raman "
        "spectroscopy, https://doi.org/10.1021/acs.analchem.1c02178"
    )
    scales: ClassVar[tuple[int, ...]] = (2, 3, 4, 8)
    kind: Literal["hyrisr"] = "hyrisr"
    groups: Annotated[int, Ge(1), Le(64)] = 18
    """Groups of blocks, each with a skip; published: 18."""
    blocks: Annotated[int, Ge(1), Le(64)] = 6
    """Blocks of two convolutions and an attention in each group; released: 6, meant: 16."""
    channels: Annotated[int, Ge(0), Le(4096)] = 0
    """Channels of the body; 0 means half as many as bands, as published."""
    reduction: Annotated[int, Ge(1), Le(1024)] = 16
    """How many times fewer units an attention has between its two layers; published: 16."""

    @property
    def uses_image_statistics(self) -> bool:
        return True  # attentions weigh channels by their mean over the image

    def build(self, ports: Ports) -> NetworkModule:
        return _HyRISR(self, ports)

    @property
    def receptive_radius(self) -> int:
        # a pixel for each 3 × 3 convolution: of enlargement and heads, body, tail; at most, since
        # from the first on they work on smaller pixels
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
        self.to_outputs = (
            nn.Identity() if ports.same_bands else nn.Conv2d(bands, ports.bands_out, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        large = self.head1(x)  # (batch, bands_in, y · scale, x · scale)
        features = self.head2(large)
        features = features + self.body(features)
        out: Tensor = self.to_outputs(large + self.tail(features))
        return out


class ResidualGroup(nn.Module):
    """Blocks and a convolution, whose result is added to what came in.

    Parameters
    ----------
    channels, blocks : int
        Of what comes in and goes out; how many blocks there are.
    reduction : int or None
        Channels to a unit of the attentions; None leaves attentions out.
    """

    def __init__(self, channels: int, blocks: int, reduction: int | None) -> None:
        super().__init__()
        each = (_Block(channels, reduction) for _ in range(blocks))
        self.body = nn.Sequential(*each, conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class _Block(nn.Module):
    """Two convolutions, and an attention where wanted, whose result is added to what came in."""

    def __init__(self, channels: int, reduction: int | None) -> None:
        super().__init__()
        layers = [conv3(channels, channels), nn.ReLU(), conv3(channels, channels)]
        attention = [] if reduction is None else [_ChannelAttention(channels, reduction)]
        self.body = nn.Sequential(*layers, *attention)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


class _ChannelAttention(nn.Module):
    """Weigh each channel, between 0 and 1, by the means of all channels over the image."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        few = max(1, channels // reduction)
        self.chan_attn = nn.Sequential(
            nn.Conv2d(channels, few, 1), nn.ReLU(), nn.Conv2d(few, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        weights: Tensor = self.chan_attn(x.mean(dim=(-2, -1), keepdim=True))
        return x * weights


def _channels(settings: HyRISR, ports: Ports) -> int:
    return settings.channels or max(1, ports.bands_in // 2)


def _upsampler(bands: int, steps: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for step in steps:
        layers += [conv3(bands, bands * step**2), nn.PixelShuffle(step)]
    return nn.Sequential(*layers)


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """Return a 3 × 3 convolution that keeps the size of images."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)
